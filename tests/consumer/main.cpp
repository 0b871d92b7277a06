// What a user's first program may look like.
#include <cstdio>

#include <nanobook/itch/messages.hpp>
#include <nanobook/version.hpp>

int main() {
    std::printf("nanobook %s: an add order is %zu bytes\n", nanobook::version, sizeof(nanobook::itch::AddOrder));
}

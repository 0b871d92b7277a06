// What a user's first program may look like: a file in, the best prices of its symbols out.
#include <cstdio>
#include <exception>

#include <nanobook/itch/mapped_file.hpp>
#include <nanobook/itch/replay.hpp>
#include <nanobook/version.hpp>

int main(int argc, char** argv) try {
    if (argc != 2) return 2;
    const nanobook::itch::MappedFile file(argv[1]);
    nanobook::itch::Replay<> books;
    books.feed(file.bytes());
    books.finish();

    std::printf("nanobook %s: %llu messages, %llu live orders\n", nanobook::version,
                static_cast<unsigned long long>(books.reader().messages()),
                static_cast<unsigned long long>(books.live_orders()));
    for (const nanobook::itch::Listing& listing : books.listings()) {
        const auto best = listing.book.snapshot(books.levels(), 1);
        if (best.bids.empty() || best.asks.empty()) continue;
        std::printf("%.8s %lld / %lld\n", listing.symbol.text.data(), static_cast<long long>(*best.best_bid()),
                    static_cast<long long>(*best.best_ask()));
    }
} catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
}

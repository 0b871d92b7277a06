#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <tuple>
#include <type_traits>
#include <vector>

#include <nanobook/itch/encoder.hpp>
#include <nanobook/itch/messages.hpp>

using namespace nanobook::itch;

namespace {

// A folder of the test's own, gone with it.
struct TemporaryFolder {
    TemporaryFolder()
        : path(std::filesystem::temp_directory_path() / ("nanobook-" + std::to_string(std::random_device{}()))) {
        std::filesystem::create_directory(path);
    }
    ~TemporaryFolder() { std::filesystem::remove_all(path); }
    [[nodiscard]] std::size_t files() const {
        return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator(path), {}));
    }
    std::filesystem::path path;
};

std::vector<std::byte> contents(const std::filesystem::path& path) {
    std::ifstream file(path, std::ios::binary);
    const std::string text(std::istreambuf_iterator<char>(file), {});
    std::vector<std::byte> bytes(text.size());
    std::memcpy(bytes.data(), text.data(), text.size());
    return bytes;
}

std::vector<std::byte> bytes_of(std::string_view hex) {
    std::vector<std::byte> bytes;
    for (std::size_t i = 0; i < hex.size(); i += 2) {
        bytes.push_back(static_cast<std::byte>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16)));
    }
    return bytes;
}

bool same(std::span<const std::byte> a, std::span<const std::byte> b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end());
}

enum class Values { random, smallest, greatest };

// Assigns a value to the field and returns it as text.
template <class Field>
std::string assign(Field& field, Values values, std::mt19937_64& random) {
    if constexpr (std::is_same_v<Field, char>) {
        field = values == Values::smallest ? '\0' : values == Values::greatest ? '\xff' : static_cast<char>(random());
        return {field};
    } else if constexpr (requires { typename Field::value_type; }) {
        constexpr std::uint64_t greatest = ~std::uint64_t{0} >> (64 - 8 * sizeof(Field));
        const std::uint64_t value = values == Values::smallest   ? 0
                                    : values == Values::greatest ? greatest
                                                                 : random() & greatest;
        field = static_cast<typename Field::value_type>(value);
        return std::to_string(value);
    } else {
        const std::size_t length = values == Values::smallest   ? 0
                                   : values == Values::greatest ? sizeof(Field)
                                                                : random() % (sizeof(Field) + 1);
        const std::string text(length, static_cast<char>('A' + random() % 26));
        field = text;
        return text;
    }
}

template <class Field>
std::string read(const Field& field) {
    if constexpr (std::is_same_v<Field, char>) {
        return {field};
    } else if constexpr (requires { typename Field::value_type; }) {
        return std::to_string(field.value());
    } else {
        return std::string(field.view());
    }
}

// Calls `f` with every field, those of the header among them.
template <class Message, class F>
void for_each_field(Message& message, F&& f) {
    f(message.locate);
    f(message.tracking);
    f(message.timestamp);
    std::apply([&](auto... field) { (f(message.*field.member), ...); }, std::remove_const_t<Message>::fields());
}

template <class Message>
void check_round_trip(Values values, std::mt19937_64& random) {
    Message message{};
    std::vector<std::string> assigned;
    for_each_field(message, [&](auto& field) { assigned.push_back(assign(field, values, random)); });

    Encoder encoder;
    encoder.write(message);
    const auto bytes = encoder.bytes();
    REQUIRE(bytes.size() == sizeof(Message) + 2);
    CHECK(bytes[0] == std::byte{0});
    CHECK(std::to_integer<std::size_t>(bytes[1]) == sizeof(Message));

    std::vector<std::string> decoded;
    visit(*reinterpret_cast<const Header*>(bytes.data() + 2), [&]<class Decoded>(const Decoded& found) {
        if constexpr (std::is_same_v<Decoded, Message>) {
            for_each_field(found, [&](const auto& field) { decoded.push_back(read(field)); });
        }
    });
    CHECK(decoded == assigned);
}

// From the public file of 2020-01-30.
AddOrder real_add() {
    AddOrder message{};
    message.locate = 13;
    message.tracking = 0;
    message.timestamp = 0x0d18eaab3613;
    message.ref = 56'305;
    message.side = 'S';
    message.shares = 300;
    message.stock = "AAPL";
    message.price = 3'224'000;
    return message;
}

}  // namespace

TEST_CASE("encoding_then_decoding_is_the_identity_for_every_field_of_every_type") {
    std::mt19937_64 random(5);
    AllMessages::for_each([&]<class Message>() {
        CAPTURE(Message::code);
        check_round_trip<Message>(Values::smallest, random);
        check_round_trip<Message>(Values::greatest, random);
        for (int i = 0; i < 200; ++i) check_round_trip<Message>(Values::random, random);
    });
}

TEST_CASE("an_encoded_message_has_the_bytes_of_nasdaq") {
    const auto expected = bytes_of("002441000d00000d18eaab3613000000000000dbf1530000012c4141504c20202020003131c0");
    Encoder encoder;
    encoder.write(real_add());
    CHECK(same(encoder.bytes(), expected));
}

TEST_CASE("the_encoder_sets_the_type") {
    AddOrder message = real_add();
    message.type = '?';
    Encoder encoder;
    encoder.write(message);
    CHECK(static_cast<char>(encoder.bytes()[2]) == 'A');
}

TEST_CASE("zero_framing_writes_zero_lengths") {
    Encoder encoder(Framing::zero);
    encoder.write(real_add());
    CHECK(encoder.bytes().size() == sizeof(AddOrder) + 2);
    CHECK(encoder.bytes()[0] == std::byte{0});
    CHECK(encoder.bytes()[1] == std::byte{0});
}

TEST_CASE("the_encoder_counts_messages") {
    Encoder encoder;
    for (int i = 0; i < 1'000; ++i) encoder.write(real_add());
    CHECK(encoder.count() == 1'000);
    CHECK(encoder.bytes().size() == 1'000 * (sizeof(AddOrder) + 2));
}

TEST_CASE("taking_the_bytes_leaves_the_encoder_empty") {
    Encoder encoder;
    encoder.write(real_add());
    const std::vector<std::byte> taken = encoder.take();
    CHECK(taken.size() == sizeof(AddOrder) + 2);
    CHECK(encoder.bytes().empty());
    encoder.write(real_add());
    CHECK(same(encoder.bytes(), taken));
}

TEST_CASE("reserving_changes_no_bytes") {
    Encoder encoder;
    encoder.write(real_add());
    encoder.reserve(1'000'000);
    CHECK(encoder.bytes().size() == sizeof(AddOrder) + 2);
}

TEST_CASE("a_payload_of_an_unknown_type_is_written_as_it_is") {
    const auto payload = bytes_of("7a0102030405");
    Encoder encoder;
    encoder.write_payload(payload);
    CHECK(same(encoder.bytes(), bytes_of("00067a0102030405")));
    CHECK(encoder.count() == 1);
}

TEST_CASE("a_payload_longer_than_its_prefix_can_say_is_refused") {
    Encoder encoder;
    CHECK_THROWS_AS(encoder.write_payload(std::vector<std::byte>(65'536)), std::invalid_argument);
    CHECK_THROWS_AS(encoder.write_payload({}), std::invalid_argument);
    CHECK(encoder.bytes().empty());
    encoder.write_payload(std::vector<std::byte>(65'535));
    CHECK(encoder.bytes().size() == 65'537);
}

TEST_CASE("the_end_of_session_is_a_zero_length") {
    Encoder encoder;
    encoder.write_end_of_session();
    CHECK(same(encoder.bytes(), bytes_of("0000")));
    CHECK(encoder.count() == 0);
}

TEST_CASE("a_file_has_the_bytes_that_memory_has") {
    const TemporaryFolder folder;
    Encoder memory;
    FileEncoder file(folder.path / "day.itch");
    // More than the file's buffer holds.
    for (std::uint32_t i = 0; i < 50'000; ++i) {
        AddOrder message = real_add();
        message.shares = i;
        memory.write(message);
        file.write(message);
    }
    file.close();
    CHECK(same(contents(folder.path / "day.itch"), memory.bytes()));
}

TEST_CASE("a_file_appears_only_when_it_is_closed") {
    const TemporaryFolder folder;
    FileEncoder file(folder.path / "day.itch");
    file.write(real_add());
    CHECK(!std::filesystem::exists(folder.path / "day.itch"));
    file.close();
    CHECK(std::filesystem::file_size(folder.path / "day.itch") == sizeof(AddOrder) + 2);
    CHECK(folder.files() == 1);
}

TEST_CASE("a_file_abandoned_leaves_nothing_behind") {
    const TemporaryFolder folder;
    {
        FileEncoder(folder.path / "day.itch").write(real_add());
    }
    CHECK(folder.files() == 0);
}

TEST_CASE("a_file_abandoned_leaves_the_former_file_untouched") {
    const TemporaryFolder folder;
    std::ofstream(folder.path / "day.itch") << "former";
    {
        FileEncoder(folder.path / "day.itch").write(real_add());
    }
    CHECK(contents(folder.path / "day.itch").size() == 6);
    CHECK(folder.files() == 1);
}

TEST_CASE("closing_replaces_the_former_file") {
    const TemporaryFolder folder;
    std::ofstream(folder.path / "day.itch") << "former";
    FileEncoder file(folder.path / "day.itch");
    file.close();
    CHECK(std::filesystem::file_size(folder.path / "day.itch") == 0);
}

TEST_CASE("a_link_to_a_file_stays_a_link") {
    const TemporaryFolder folder;
    std::ofstream(folder.path / "day.itch") << "former";
    std::error_code unsupported;
    std::filesystem::create_symlink(folder.path / "day.itch", folder.path / "link.itch", unsupported);
    if (unsupported) return;
    FileEncoder file(folder.path / "link.itch");
    file.write(real_add());
    file.close();
    CHECK(std::filesystem::is_symlink(folder.path / "link.itch"));
    CHECK(std::filesystem::file_size(folder.path / "day.itch") == sizeof(AddOrder) + 2);
}

TEST_CASE("a_file_that_cannot_be_written_is_named") {
    const TemporaryFolder folder;
    const auto message_of = [](const std::filesystem::path& path) -> std::string {
        try {
            FileEncoder file(path);
        } catch (const std::system_error& error) {
            return error.what();
        }
        return "";
    };
    CHECK(message_of(folder.path / "no such folder" / "day.itch").find("day.itch") != std::string::npos);
    CHECK(message_of(folder.path).find(folder.path.filename().string()) != std::string::npos);
    CHECK(folder.files() == 0);
}

#if defined(__linux__)
TEST_CASE("a_full_device_is_an_error") {
    // A device is written in place: it cannot be renamed to.
    FileEncoder file("/dev/full");
    file.write(real_add());
    CHECK_THROWS_AS(file.close(), std::system_error);
    CHECK(std::filesystem::is_character_file("/dev/full"));
}
#endif

// The day of some symbols as LOBSTER writes it: what happened, and the book after each event.
//
//     const std::vector<Symbol> symbols{*symbol_of("AAPL")};
//     Replay<LobsterRecorder<LobsterFiles>> replay(
//         {.symbols = symbols}, {symbols, 10, LobsterFiles({{"message.csv", "orderbook.csv"}}, 10)});
//     replay.feed(bytes);
//     replay.finish();
//     replay.observer().sink().commit();
//
// LOBSTER (lobsterdata.com) sells order books made of Nasdaq's feed. Its rules are on its page "output"
// (lobsterdata.com/info/DataStructure.php), in the readme of its sample files, and in its help (help.lobsterdata.com:
// "Event type 6", "Hidden order executions", "Reconstruction details"):
//
// - The book begins empty with the first message of the day, whatever window of time is asked for. All of it is
//   followed; the number of levels restricts what is written only.
// - A row of the message file: seconds since midnight, type, order id, size in shares, price in 1/10,000 dollar,
//   direction (1 buy, -1 sell) of the order, which for an execution is the order at rest.
// - 1 a new order, 2 a part of one cancelled, 3 all (that is left) of one deleted, 4 a visible order executed, 5 a
//   hidden order executed, 6 a cross, 7 the trading state: price -1 halted, 0 quoted only, 1 traded again; order id and
//   size 0, direction -1.
// - A hidden order's id is 0 and its direction 1 since Nasdaq names neither (2010 and 2014): both are the message's.
// - The id of a cross is -1 at the opening, -2 at the closing, -3 after a halt or for an IPO, -4 else. Its executions
// are
//   rows of their own, so it changes nothing.
// - A broken trade makes no row.
// - The order book file has a row for each row of the message file: the state after it, as ask price 1, ask size 1, bid
//   price 1, bid size 1, ask price 2 and so on. Levels are occupied prices. Where there is none, the ask price is
//   9999999999, the bid price -9999999999, and the size 0. Rows 5, 6 and 7 repeat the state before them.
// - Rows 1 to 4 are only of events that change these levels. So a deletion may bring in a level that was not shown, of
//   whose orders there was no row.
//
// What LOBSTER does not say is decided so that a row of one file always explains that of the other:
//
// - A replace is a deletion (3) and a submission (1) of the same time. The first shows the book between the two.
// - An execution at another price than the order's (C) is 4 at the order's own price, at which shares leave the book;
//   also where it is not printable, as in a cross.
// - A cancellation of all that is left of an order is 3.
// - A cross of no shares makes no row. The direction of a cross is -1, as that of 7.
#pragma once

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <memory>
#include <span>
#include <system_error>
#include <utility>
#include <vector>

#include <nanobook/book/snapshot.hpp>
#include <nanobook/core/symbol.hpp>
#include <nanobook/core/types.hpp>
#include <nanobook/detail/output_file.hpp>
#include <nanobook/detail/refuse.hpp>
#include <nanobook/itch/directory.hpp>
#include <nanobook/itch/messages.hpp>
#include <nanobook/itch/observer.hpp>

namespace nanobook::itch {

enum class LobsterType : std::uint8_t {
    submission = 1,
    cancellation = 2,
    deletion = 3,
    execution = 4,
    hidden_execution = 5,
    cross = 6,
    trading_state = 7,
};

/// A row of the message file.
struct LobsterEvent {
    Timestamp timestamp;
    LobsterType type;
    std::uint64_t order_id;  ///< the ITCH reference; of a cross 1 to 4, which is written with a minus
    std::uint64_t size;
    Price price;
    int direction;  ///< 1 buy, -1 sell

    friend bool operator==(const LobsterEvent&, const LobsterEvent&) = default;
};

/// A price and the shares there.
struct LobsterLevel {
    Price price;
    std::uint64_t size;

    friend bool operator==(const LobsterLevel&, const LobsterLevel&) = default;
};

/// By Side, best first; only the occupied ones.
using LobsterLevels = std::array<std::vector<LobsterLevel>, 2>;

/// An observer that makes the rows of some symbols, and gives each to `sink(i, event, levels)`: i counts the symbols
/// from 0, and the levels are the state after the event. Where a symbol has several locates, the first one that
/// something happens to is it.
template <class Sink>
class LobsterRecorder {
  public:
    /// Events before `start` build the books, and make no rows. Throws std::invalid_argument for 0 levels.
    LobsterRecorder(std::vector<Symbol> symbols, std::size_t levels, Sink sink, Timestamp start = 0)
        : symbols_(std::move(symbols)),
          levels_(levels),
          start_(start),
          sink_(std::move(sink)),
          days_(symbols_.size()),
          scratch_(levels + 1) {
        if (levels == 0) detail::refuse("levels", levels, "it must be above 0");
    }

    template <class Replay>
    void on_change(const BookChange& change, const Replay& replay) {
        const auto& listing = replay.listings()[change.locate];
        Day* const day = day_of(change.locate, listing.symbol);
        if (day == nullptr) return;
        std::vector<LobsterLevel>& side = day->levels[static_cast<std::size_t>(change.side)];
        const auto is_shown = [&](Price price) {
            if (side.size() < levels_) return true;
            return change.side == Side::buy ? price >= side.back().price : price <= side.back().price;
        };
        // One level more than is shown: what was added may hide it.
        const auto refresh = [&](bool is_added) {
            std::size_t count = listing.book.depth(replay.levels(), change.side, scratch_);
            if (!is_added && change.added_shares != 0) count = take_off(change.added_price, change.added_shares, count);
            side.clear();
            for (const LevelView& level : std::span(scratch_).first(std::min(count, levels_))) {
                side.push_back({level.price, level.quantity.low});
            }
        };
        const int direction = change.side == Side::buy ? 1 : -1;
        if (change.removed_shares != 0 && is_shown(change.removed_price)) {
            refresh(false);
            put(*day, {change.message.timestamp, removal(change, replay), change.ref, change.removed_shares,
                       change.removed_price, direction});
        }
        if (change.added_shares != 0 && is_shown(change.added_price)) {
            refresh(true);
            put(*day, {change.message.timestamp, LobsterType::submission, change.added_ref, change.added_shares,
                       change.added_price, direction});
        }
    }

    template <class Replay>
    void on_print(const Print& print, const Replay& replay) {
        if (print.resting_side || print.shares == 0) return;
        const Day* const day = day_of(print.locate, replay.listings()[print.locate].symbol);
        if (day == nullptr) return;
        if (print.message.type == Trade::code) {
            const auto& trade = static_cast<const Trade&>(print.message);
            put(*day, {trade.timestamp, LobsterType::hidden_execution, trade.ref, print.shares, print.price,
                       trade.side == 'S' ? -1 : 1});
        } else {
            const auto& cross = static_cast<const CrossTrade&>(print.message);
            const std::uint64_t id = cross.cross_type == 'O'   ? 1
                                     : cross.cross_type == 'C' ? 2
                                     : cross.cross_type == 'H' ? 3
                                                               : 4;
            put(*day, {cross.timestamp, LobsterType::cross, id, print.shares, print.price, -1});
        }
    }

    void on_message(const Header&) noexcept {}
    void on_message(const TradingAction& m) {
        const Day* const day = day_of(m.locate, symbol_of(m.stock));
        if (day == nullptr) return;
        switch (m.state) {
            case 'H':
            case 'P': return put(*day, {m.timestamp, LobsterType::trading_state, 0, 0, -1, -1});
            case 'Q': return put(*day, {m.timestamp, LobsterType::trading_state, 0, 0, 0, -1});
            case 'T': return put(*day, {m.timestamp, LobsterType::trading_state, 0, 0, 1, -1});
            default: return;
        }
    }

    [[nodiscard]] Sink& sink() noexcept { return sink_; }

  private:
    struct Day {
        bool is_taken = false;  // by a locate
        LobsterLevels levels = {};
    };

    // Null where the locate is none of ours.
    Day* day_of(Locate locate, Symbol symbol) {
        if (locate >= numbers_.size()) [[unlikely]]
            numbers_.resize(locate + std::size_t{1}, unknown);
        std::size_t& number = numbers_[locate];
        if (number == unknown) {
            number = static_cast<std::size_t>(std::ranges::find(symbols_, symbol) - symbols_.begin());
            if (number < days_.size() && std::exchange(days_[number].is_taken, true)) number = days_.size();
        }
        return number < days_.size() ? &days_[number] : nullptr;
    }

    void put(const Day& day, const LobsterEvent& event) {
        if (event.timestamp >= start_) sink_(static_cast<std::size_t>(&day - days_.data()), event, day.levels);
    }

    template <class Replay>
    static LobsterType removal(const BookChange& change, const Replay& replay) {
        switch (change.message.type) {
            case OrderExecuted::code:
            case OrderExecutedWithPrice::code: return LobsterType::execution;
            case OrderCancel::code:
                return replay.level_of(change.ref) != nullptr ? LobsterType::cancellation : LobsterType::deletion;
            default: return LobsterType::deletion;
        }
    }

    // Of `count` levels in the scratch, as if an order were not there; how many are left.
    std::size_t take_off(Price price, std::uint32_t shares, std::size_t count) {
        const auto levels = std::span(scratch_).first(count);
        const auto level = std::ranges::find(levels, price, &LevelView::price);
        if (level == levels.end()) return count;
        if (level->order_count > 1) {
            level->quantity.low -= shares;
            return count;
        }
        std::move(level + 1, levels.end(), level);
        return count - 1;
    }

    static constexpr std::size_t unknown = ~std::size_t{0};

    std::vector<Symbol> symbols_;
    std::size_t levels_;
    Timestamp start_;
    Sink sink_;
    std::vector<Day> days_;
    std::vector<std::size_t> numbers_;  // by locate: of its symbol, or as many as there are for none
    std::vector<LevelView> scratch_;
};

/// Writes the rows to two files a symbol, which appear under their names with `commit()`; destroyed or discarded before
/// that, it leaves nothing behind. Each pair of files has two descriptors and 2 MiB.
class LobsterFiles {
  public:
    struct Paths {
        std::filesystem::path message;
        std::filesystem::path orderbook;
    };

    /// Throws std::invalid_argument for more than 10,000 levels; like all that writes,
    /// std::filesystem::filesystem_error where a file cannot be written.
    LobsterFiles(const std::vector<Paths>& paths, std::size_t levels) {
        if (levels > 10'000) detail::refuse("levels", levels, "it must be at most 10,000");
        row_.resize(2 * levels * LevelText::max_length);
        pairs_.reserve(paths.size());
        for (const Paths& pair : paths) pairs_.push_back(std::make_unique<Pair>(pair, levels));
    }

    void operator()(std::size_t symbol, const LobsterEvent& event, const LobsterLevels& levels) {
        Pair& pair = *pairs_[symbol];
        write(pair.message, event);
        for (std::size_t side = 0; side < 2; ++side) {
            for (std::size_t i = 0; i < pair.texts[side].size(); ++i) {
                pair.texts[side][i].set(i < levels[side].size() ? levels[side][i] : unoccupied[side]);
            }
        }
        char* end = row_.data();
        for (std::size_t i = 0; i < pair.texts[0].size(); ++i) {
            for (const Side side : {Side::sell, Side::buy}) {
                end = pair.texts[static_cast<std::size_t>(side)][i].append_to(end);
            }
        }
        end[-1] = '\n';
        pair.orderbook.write(row_.data(), static_cast<std::size_t>(end - row_.data()));
    }

    void commit() {
        for (const auto& pair : pairs_) {
            pair->message.commit();
            pair->orderbook.commit();
        }
    }

    /// There must be no more rows.
    void discard() noexcept { pairs_.clear(); }

  private:
    // By Side.
    static constexpr std::array<LobsterLevel, 2> unoccupied{LobsterLevel{-9'999'999'999, 0},
                                                            LobsterLevel{9'999'999'999, 0}};

    // "price,size,". Of all levels of a row one or two are not what they were in the row before: the others need no
    // conversion.
    class LevelText {
      public:
        // More than -9999999999 and 2^64 - 1 need, so that copying it whole is a few moves.
        static constexpr std::size_t max_length = 40;

        explicit LevelText(const LobsterLevel& level) noexcept { convert(level); }

        void set(const LobsterLevel& level) noexcept {
            if (level != level_) convert(level);
        }
        // There must be room for the greatest length; the place behind what was appended.
        char* append_to(char* place) const noexcept {
            std::memcpy(place, text_.data(), max_length);
            return place + length_;
        }

      private:
        void convert(const LobsterLevel& level) noexcept {
            level_ = level;
            char* end = std::to_chars(text_.data(), text_.data() + max_length, level.price).ptr;
            *end++ = ',';
            end = std::to_chars(end, text_.data() + max_length, level.size).ptr;
            *end++ = ',';
            length_ = static_cast<std::uint8_t>(end - text_.data());
        }

        LobsterLevel level_{};
        std::array<char, max_length> text_{};
        std::uint8_t length_ = 0;
    };

    // Whoever writes several files wants to hear which one failed.
    class File {
        template <class Work>
        auto naming(Work&& work) {
            try {
                return work();
            } catch (const std::system_error& error) {
                throw std::filesystem::filesystem_error("cannot be written", path_, error.code());
            }
        }

      public:
        explicit File(const std::filesystem::path& path)
            : path_(path), file_(naming([&] { return detail::OutputFile(path); })) {}

        void write(const char* text, std::size_t size) {
            naming([&] { std::memcpy(file_.extend(size), text, size); });
        }
        void commit() {
            naming([&] { file_.commit(); });
        }

      private:
        std::filesystem::path path_;
        detail::OutputFile file_;
    };

    struct Pair {
        Pair(const Paths& paths, std::size_t levels) : message(paths.message), orderbook(paths.orderbook) {
            for (std::size_t side = 0; side < 2; ++side) texts[side].assign(levels, LevelText(unoccupied[side]));
        }

        File message;
        File orderbook;
        std::array<std::vector<LevelText>, 2> texts;  // by Side
    };

    static void write(File& file, const LobsterEvent& event) {
        std::array<char, 160> text;  // six numbers, the fraction, and what stands behind each
        char* end = text.data();
        const auto number = [&](auto value, char behind) {
            end = std::to_chars(end, end + 20, value).ptr;  // enough for any of 64 bits
            *end++ = behind;
        };
        number(event.timestamp / 1'000'000'000, '.');
        Timestamp fraction = event.timestamp % 1'000'000'000;
        for (char* digit = end + 9; digit != end; fraction /= 10) *--digit = static_cast<char>('0' + fraction % 10);
        end += 9;
        *end++ = ',';
        number(static_cast<unsigned>(event.type), ',');
        if (event.type == LobsterType::cross) *end++ = '-';
        number(event.order_id, ',');
        number(event.size, ',');
        number(event.price, ',');
        number(event.direction, '\n');
        file.write(text.data(), static_cast<std::size_t>(end - text.data()));
    }

    std::vector<std::unique_ptr<Pair>> pairs_;
    std::vector<char> row_;
};

}  // namespace nanobook::itch

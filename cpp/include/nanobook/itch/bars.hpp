// Trades by the minute, or whatever the interval: open, high, low, close, volume.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include <nanobook/core/symbol.hpp>
#include <nanobook/core/types.hpp>
#include <nanobook/detail/money.hpp>
#include <nanobook/itch/directory.hpp>
#include <nanobook/itch/tape.hpp>

namespace nanobook::itch {

struct Bar {
    Timestamp timestamp;  ///< of its begin, a whole multiple of the interval
    Symbol symbol;        ///< as it was called at the first trade
    Locate locate;
    Price open;
    Price high;
    Price low;
    Price close;
    std::uint64_t volume;
    detail::Wide notional;  ///< the sum of price times shares
    std::uint32_t trades;

    /// The mean price of a share.
    [[nodiscard]] double vwap() const noexcept { return static_cast<double>(notional) / static_cast<double>(volume); }
};

/// Bars of symbols that trade, by their begin and then by locate. Time goes forwards only: a trade that is stamped
/// earlier than one before counts at the time of that one.
class BarRecorder {
  public:
    explicit BarRecorder(Timestamp interval) noexcept : interval_(interval) {}

    void on_trade(const TapeTrade& trade) {
        add({trade.timestamp - trade.timestamp % interval_, trade.symbol, trade.locate, trade.price, trade.price,
             trade.price, trade.price, trade.shares, detail::Wide{trade.price} * trade.shares, 1});
    }

    /// Some trades in a row that are of one bar.
    void add(const Bar& trades) {
        const Timestamp begin = std::max(begin_, trades.timestamp);
        if (begin != begin_) {
            flush();
            begin_ = begin;
        }
        if (trades.locate >= open_.size()) open_.resize(trades.locate + std::size_t{1}, Bar{});
        Bar& bar = open_[trades.locate];
        if (bar.trades == 0) {
            bar = trades;
            bar.timestamp = begin;
            traded_.push_back(trades.locate);
            return;
        }
        bar.high = std::max(bar.high, trades.high);
        bar.low = std::min(bar.low, trades.low);
        bar.close = trades.close;
        bar.volume += std::min(trades.volume, ~bar.volume);  // absurd sums stop at the greatest
        bar.notional += trades.notional;
        bar.trades += trades.trades;
    }

    /// Makes rows of the bars that are open: there are no more trades, or whoever takes them will `add` them up.
    void flush() {
        std::ranges::sort(traded_);
        for (const Locate locate : traded_) {
            rows.push_back(open_[locate]);
            open_[locate].trades = 0;
        }
        traded_.clear();
    }

    std::vector<Bar> rows;  ///< of bars that are over, for whoever reads them to take

  private:
    Timestamp interval_;
    Timestamp begin_ = 0;
    std::vector<Bar> open_;       // by locate
    std::vector<Locate> traded_;  // in the bar
};

}  // namespace nanobook::itch

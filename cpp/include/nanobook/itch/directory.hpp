// Which symbol a locate stands for.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include <nanobook/core/symbol.hpp>
#include <nanobook/itch/messages.hpp>

namespace nanobook::itch {

/// Dense, valid for one day.
using Locate = std::uint16_t;

/// A symbol as a feed may spell it: any bytes up to the first zero. None where there are more than eight.
[[nodiscard]] constexpr std::optional<Symbol> symbol_of(std::string_view text) noexcept {
    text = text.substr(0, text.find('\0'));
    if (text.size() > Symbol::max_length) return std::nullopt;
    Symbol symbol;
    std::copy(text.begin(), text.end(), symbol.text.begin());
    return symbol;
}
[[nodiscard]] constexpr Symbol symbol_of(const Text<8>& stock) noexcept { return *symbol_of(stock.view()); }

/// The directory message R names a locate. A slice of a day may begin after it: then the first message does that names
/// its symbol. A blank names nothing.
class Directory {
  public:
    /// To be shown every message of a stream.
    template <class Message>
    void learn(const Message& message) {
        if constexpr (requires { message.stock; }) {
            if (message.locate >= symbols_.size()) symbols_.resize(message.locate + std::size_t{1});
            Symbol& symbol = symbols_[message.locate];
            if (symbol != Symbol{} && Message::code != StockDirectory::code) return;
            if (const Symbol stock = symbol_of(message.stock); stock != Symbol{}) symbol = stock;
        }
    }

    /// Empty text where the locate has no name yet.
    [[nodiscard]] Symbol operator[](Locate locate) const noexcept {
        return locate < symbols_.size() ? symbols_[locate] : Symbol{};
    }

    /// By locate.
    [[nodiscard]] std::span<const Symbol> symbols() const noexcept { return symbols_; }

  private:
    std::vector<Symbol> symbols_;
};

}  // namespace nanobook::itch

// Which symbol a locate stands for.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include <nanobook/core/symbol.hpp>
#include <nanobook/itch/messages.hpp>

namespace nanobook::itch {

/// Dense, valid for one day.
using Locate = std::uint16_t;

[[nodiscard]] constexpr Symbol symbol_of(const Text<8>& stock) noexcept {
    Symbol symbol;
    const std::string_view text = stock;
    std::copy(text.begin(), text.end(), symbol.text.begin());
    return symbol;
}

/// The directory message R names a locate. A slice of a day may begin after it: then the first message does that names
/// its symbol.
class Directory {
  public:
    /// To be shown every message of a stream.
    template <class Message>
    void learn(const Message& message) {
        if constexpr (requires { message.stock; }) {
            if (message.locate >= symbols_.size()) symbols_.resize(message.locate + std::size_t{1});
            Symbol& symbol = symbols_[message.locate];
            if (symbol == Symbol{} || Message::code == StockDirectory::code) symbol = symbol_of(message.stock);
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

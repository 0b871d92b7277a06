// What the exchange of a synthetic day announces: messages that leave the books alone.
#pragma once

#include <cstdint>
#include <string_view>

#include <nanobook/detail/random.hpp>
#include <nanobook/detail/synthetic_listing.hpp>
#include <nanobook/detail/synthetic_market.hpp>
#include <nanobook/detail/synthetic_program.hpp>
#include <nanobook/detail/synthetic_venue.hpp>
#include <nanobook/itch/messages.hpp>

namespace nanobook::itch::synthetic {

inline constexpr std::string_view market_makers[] = {"GSCO", "MSCO", "NITE", "CDRG", "JPMS", "UBSS", "TIMB", "WCHV"};

template <class Sink>
class Bulletins {
  public:
    Bulletins(Venue<Sink>& venue, nanobook::detail::Random& random) : venue_(venue), random_(random) {}

    void system_event(char event) {
        SystemEvent message{};
        message.event = event;
        venue_.write(0, message);
    }

    void directory(const Symbol& symbol, const Listing& listing, bool first_tier, bool ipo) {
        static constexpr char markets[] = {'Q', 'G', 'S', 'N', 'A'};
        StockDirectory message{};
        message.stock = symbol.stock;
        message.market_category = listing.etf ? 'P' : markets[random_.below(5)];
        message.financial_status = symbol.tick == 1 ? 'D' : 'N';
        message.round_lot_size = 100;
        message.round_lots_only = 'N';
        message.issue_classification = listing.etf ? 'Q' : 'C';
        message.issue_subtype = listing.etf ? "E" : "Z";
        message.authenticity = 'P';
        message.short_sale_threshold = 'N';
        message.ipo_flag = ipo ? 'Y' : 'N';
        message.luld_tier = first_tier ? '1' : '2';
        message.etp_flag = listing.etf ? 'Y' : 'N';
        message.etp_leverage = 0;
        message.inverse = 'N';
        venue_.write(symbol.locate, message);
    }

    /// Puts the symbol into the state.
    void trading_action(Symbol& symbol, char state, std::string_view reason) {
        symbol.state = state;
        TradingAction message{};
        message.stock = symbol.stock;
        message.state = state;
        message.reserved = ' ';
        message.reason = reason;
        venue_.write(symbol.locate, message);
    }

    void short_sale_restriction(const Symbol& symbol) {
        RegSho message{};
        message.stock = symbol.stock;
        message.action = random_.once_in(64) ? '2' : '0';
        venue_.write(symbol.locate, message);
    }

    void position(const Symbol& symbol) {
        MarketParticipantPosition message{};
        message.mpid = market_makers[random_.below(8)];
        message.stock = symbol.stock;
        message.primary = random_.once_in(4) ? 'N' : 'Y';
        message.mode = 'N';
        message.state = 'A';
        venue_.write(symbol.locate, message);
    }

    void decline_levels() {
        // 7, 13 and 20 per cent below an index of 5,815.
        constexpr std::uint64_t per_cent = 5'815'000'000;
        MwcbDeclineLevel message{};
        message.level1 = per_cent * 93;
        message.level2 = per_cent * 87;
        message.level3 = per_cent * 80;
        venue_.write(0, message);
    }

    void decline_status(char level) {
        MwcbStatus message{};
        message.level = level;
        venue_.write(0, message);
    }

    void auction_collar(const Symbol& symbol) {
        LuldAuctionCollar message{};
        message.stock = symbol.stock;
        message.reference = symbol.fair;
        message.upper = symbol.fair + symbol.fair / 20;
        message.lower = symbol.fair - symbol.fair / 20;
        message.extension = 0;
        venue_.write(symbol.locate, message);
    }

    void ipo_quoting(const Symbol& symbol, char qualifier) {
        IpoQuotingPeriod message{};
        message.stock = symbol.stock;
        message.release_time = static_cast<std::uint32_t>(clock_time(10) / second);
        message.qualifier = qualifier;
        message.price = symbol.fair;
        venue_.write(symbol.locate, message);
    }

    void direct_listing(const Symbol& symbol) {
        DirectListing message{};
        message.stock = symbol.stock;
        message.eligibility = 'Y';
        message.min = symbol.fair - symbol.fair / 5;
        message.max = symbol.fair + symbol.fair / 5 * 4;
        message.near = symbol.fair;
        message.near_time = venue_.now;
        message.lower = symbol.fair - symbol.fair / 10;
        message.upper = symbol.fair + symbol.fair / 10;
        venue_.write(symbol.locate, message);
    }

    void operational_halt(const Symbol& symbol, char action) {
        OperationalHalt message{};
        message.stock = symbol.stock;
        message.market = 'Q';
        message.action = action;
        venue_.write(symbol.locate, message);
    }

  private:
    Venue<Sink>& venue_;
    nanobook::detail::Random& random_;
};

}  // namespace nanobook::itch::synthetic

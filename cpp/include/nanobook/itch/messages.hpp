// The 23 messages of NASDAQ TotalView-ITCH 5.0, as they lie on the wire.
//
// Each struct is the payload of one message byte for byte (no padding, alignment 1), so that a pointer into a mapped
// file is a decoded message. Prices stay integers of four decimals. `fields()` names every field once; readers, the
// encoder's tests, tables and the Python records are all made from it.
// Source: Nasdaq TotalView-ITCH 5.0, 2020-10-05, and the text of 2023-04-28 for type O.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <tuple>
#include <type_traits>

#include <nanobook/itch/wire.hpp>

namespace nanobook::itch {

/// What every message begins with.
struct Header {
    char type;
    Uint16 locate;     ///< names the symbol, dense, valid for one day; 0 where the message concerns none
    Uint16 tracking;   ///< Nasdaq's own
    Uint48 timestamp;  ///< nanoseconds since midnight, US/Eastern
};
static_assert(sizeof(Header) == 11);

/// A field's name and where it stands in `Message`.
template <class Message, class Type>
struct Field {
    using type = Type;
    const char* name;
    Type Message::* member;
};

template <class Message, class Type>
Field(const char*, Type Message::*) -> Field<Message, Type>;

/// System Event: the day's phases; locate is 0.
struct SystemEvent : Header {
    static constexpr char code = 'S';

    char event;  ///< O S Q M E C: messages begin, system hours, market hours, their ends, messages end

    static constexpr auto fields() { return std::tuple{Field{"event", &SystemEvent::event}}; }
};
static_assert(sizeof(SystemEvent) == 12);

/// Stock Directory: names the symbol of a locate.
struct StockDirectory : Header {
    static constexpr char code = 'R';

    Text<8> stock;
    char market_category;       ///< Q G S Nasdaq tiers, N NYSE, A American, P Arca, Z BATS, V IEX
    char financial_status;      ///< D E Q S G H J K C N
    Uint32 round_lot_size;      ///< shares
    char round_lots_only;       ///< Y N
    char issue_classification;  ///< C common stock, Q ETF, ...
    Text<2> issue_subtype;
    char authenticity;          ///< P production, T test
    char short_sale_threshold;  ///< Y N or space
    char ipo_flag;              ///< Y N or space
    char luld_tier;             ///< 1 2 or space
    char etp_flag;              ///< Y N or space
    Uint32 etp_leverage;        ///< times
    char inverse;               ///< Y N

    static constexpr auto fields() {
        return std::tuple{Field{"stock", &StockDirectory::stock},
                          Field{"market_category", &StockDirectory::market_category},
                          Field{"financial_status", &StockDirectory::financial_status},
                          Field{"round_lot_size", &StockDirectory::round_lot_size},
                          Field{"round_lots_only", &StockDirectory::round_lots_only},
                          Field{"issue_classification", &StockDirectory::issue_classification},
                          Field{"issue_subtype", &StockDirectory::issue_subtype},
                          Field{"authenticity", &StockDirectory::authenticity},
                          Field{"short_sale_threshold", &StockDirectory::short_sale_threshold},
                          Field{"ipo_flag", &StockDirectory::ipo_flag},
                          Field{"luld_tier", &StockDirectory::luld_tier},
                          Field{"etp_flag", &StockDirectory::etp_flag},
                          Field{"etp_leverage", &StockDirectory::etp_leverage},
                          Field{"inverse", &StockDirectory::inverse}};
    }
};
static_assert(sizeof(StockDirectory) == 39);

/// Stock Trading Action: halts and resumptions; the book stands.
struct TradingAction : Header {
    static constexpr char code = 'H';

    Text<8> stock;
    char state;  ///< H halted, P paused, Q quotation only, T trading
    char reserved;
    Text<4> reason;

    static constexpr auto fields() {
        return std::tuple{Field{"stock", &TradingAction::stock}, Field{"state", &TradingAction::state},
                          Field{"reserved", &TradingAction::reserved}, Field{"reason", &TradingAction::reason}};
    }
};
static_assert(sizeof(TradingAction) == 25);

/// Reg SHO Restriction: leaves the book alone.
struct RegSho : Header {
    static constexpr char code = 'Y';

    Text<8> stock;
    char action;  ///< 0 none, 1 in effect since today, 2 still in effect

    static constexpr auto fields() {
        return std::tuple{Field{"stock", &RegSho::stock}, Field{"action", &RegSho::action}};
    }
};
static_assert(sizeof(RegSho) == 20);

/// Market Participant Position: leaves the book alone.
struct MarketParticipantPosition : Header {
    static constexpr char code = 'L';

    Text<4> mpid;
    Text<8> stock;
    char primary;  ///< Y N
    char mode;     ///< N P S R L
    char state;    ///< A E W S D

    static constexpr auto fields() {
        return std::tuple{
            Field{"mpid", &MarketParticipantPosition::mpid}, Field{"stock", &MarketParticipantPosition::stock},
            Field{"primary", &MarketParticipantPosition::primary}, Field{"mode", &MarketParticipantPosition::mode},
            Field{"state", &MarketParticipantPosition::state}};
    }
};
static_assert(sizeof(MarketParticipantPosition) == 26);

/// MWCB Decline Level: market-wide circuit breaker; locate is 0.
struct MwcbDeclineLevel : Header {
    static constexpr char code = 'V';

    Price8 level1;
    Price8 level2;
    Price8 level3;

    static constexpr auto fields() {
        return std::tuple{Field{"level1", &MwcbDeclineLevel::level1}, Field{"level2", &MwcbDeclineLevel::level2},
                          Field{"level3", &MwcbDeclineLevel::level3}};
    }
};
static_assert(sizeof(MwcbDeclineLevel) == 35);

/// MWCB Status: a breaker was breached; locate is 0.
struct MwcbStatus : Header {
    static constexpr char code = 'W';

    char level;  ///< 1 2 3

    static constexpr auto fields() { return std::tuple{Field{"level", &MwcbStatus::level}}; }
};
static_assert(sizeof(MwcbStatus) == 12);

/// IPO Quoting Period Update: leaves the book alone.
struct IpoQuotingPeriod : Header {
    static constexpr char code = 'K';

    Text<8> stock;
    Uint32 release_time;  ///< seconds since midnight
    char qualifier;       ///< A anticipated, C cancelled
    Price4 price;

    static constexpr auto fields() {
        return std::tuple{Field{"stock", &IpoQuotingPeriod::stock},
                          Field{"release_time", &IpoQuotingPeriod::release_time},
                          Field{"qualifier", &IpoQuotingPeriod::qualifier}, Field{"price", &IpoQuotingPeriod::price}};
    }
};
static_assert(sizeof(IpoQuotingPeriod) == 28);

/// LULD Auction Collar: leaves the book alone.
struct LuldAuctionCollar : Header {
    static constexpr char code = 'J';

    Text<8> stock;
    Price4 reference;
    Price4 upper;
    Price4 lower;
    Uint32 extension;  ///< number of extensions

    static constexpr auto fields() {
        return std::tuple{Field{"stock", &LuldAuctionCollar::stock}, Field{"reference", &LuldAuctionCollar::reference},
                          Field{"upper", &LuldAuctionCollar::upper}, Field{"lower", &LuldAuctionCollar::lower},
                          Field{"extension", &LuldAuctionCollar::extension}};
    }
};
static_assert(sizeof(LuldAuctionCollar) == 35);

/// Operational Halt: of one market centre; the book stands.
struct OperationalHalt : Header {
    static constexpr char code = 'h';

    Text<8> stock;
    char market;  ///< Q Nasdaq, B BX, X PSX
    char action;  ///< H halted, T lifted

    static constexpr auto fields() {
        return std::tuple{Field{"stock", &OperationalHalt::stock}, Field{"market", &OperationalHalt::market},
                          Field{"action", &OperationalHalt::action}};
    }
};
static_assert(sizeof(OperationalHalt) == 21);

/// Add Order: rests at the tail of (locate, side, price).
struct AddOrder : Header {
    static constexpr char code = 'A';

    Uint64 ref;     ///< unique for the day
    char side;      ///< B S
    Uint32 shares;  ///< what remains after Nasdaq matched
    Text<8> stock;
    Price4 price;

    static constexpr auto fields() {
        return std::tuple{Field{"ref", &AddOrder::ref}, Field{"side", &AddOrder::side},
                          Field{"shares", &AddOrder::shares}, Field{"stock", &AddOrder::stock},
                          Field{"price", &AddOrder::price}};
    }
};
static_assert(sizeof(AddOrder) == 36);

/// Add Order with MPID: as AddOrder.
struct AddOrderMpid : Header {
    static constexpr char code = 'F';

    Uint64 ref;     ///< unique for the day
    char side;      ///< B S
    Uint32 shares;  ///< what remains after Nasdaq matched
    Text<8> stock;
    Price4 price;
    Text<4> attribution;  ///< the market participant

    static constexpr auto fields() {
        return std::tuple{Field{"ref", &AddOrderMpid::ref},       Field{"side", &AddOrderMpid::side},
                          Field{"shares", &AddOrderMpid::shares}, Field{"stock", &AddOrderMpid::stock},
                          Field{"price", &AddOrderMpid::price},   Field{"attribution", &AddOrderMpid::attribution}};
    }
};
static_assert(sizeof(AddOrderMpid) == 40);

/// Order Executed: takes shares off the order; prints at its price.
struct OrderExecuted : Header {
    static constexpr char code = 'E';

    Uint64 ref;
    Uint32 shares;
    Uint64 match;

    static constexpr auto fields() {
        return std::tuple{Field{"ref", &OrderExecuted::ref}, Field{"shares", &OrderExecuted::shares},
                          Field{"match", &OrderExecuted::match}};
    }
};
static_assert(sizeof(OrderExecuted) == 31);

/// Order Executed With Price: takes shares off the order; prints at another price.
struct OrderExecutedWithPrice : Header {
    static constexpr char code = 'C';

    Uint64 ref;
    Uint32 shares;
    Uint64 match;
    char printable;  ///< Y; N where a cross prints it again
    Price4 price;    ///< of the execution

    static constexpr auto fields() {
        return std::tuple{Field{"ref", &OrderExecutedWithPrice::ref}, Field{"shares", &OrderExecutedWithPrice::shares},
                          Field{"match", &OrderExecutedWithPrice::match},
                          Field{"printable", &OrderExecutedWithPrice::printable},
                          Field{"price", &OrderExecutedWithPrice::price}};
    }
};
static_assert(sizeof(OrderExecutedWithPrice) == 36);

/// Order Cancel: takes shares off the order, which keeps its place.
struct OrderCancel : Header {
    static constexpr char code = 'X';

    Uint64 ref;
    Uint32 shares;  ///< taken off

    static constexpr auto fields() {
        return std::tuple{Field{"ref", &OrderCancel::ref}, Field{"shares", &OrderCancel::shares}};
    }
};
static_assert(sizeof(OrderCancel) == 23);

/// Order Delete: erases the order.
struct OrderDelete : Header {
    static constexpr char code = 'D';

    Uint64 ref;

    static constexpr auto fields() { return std::tuple{Field{"ref", &OrderDelete::ref}}; }
};
static_assert(sizeof(OrderDelete) == 19);

/// Order Replace: erases the old order and appends the new one, as one change.
struct OrderReplace : Header {
    static constexpr char code = 'U';

    Uint64 old_ref;
    Uint64 new_ref;
    Uint32 shares;  ///< of the new order
    Price4 price;   ///< of the new order

    static constexpr auto fields() {
        return std::tuple{Field{"old_ref", &OrderReplace::old_ref}, Field{"new_ref", &OrderReplace::new_ref},
                          Field{"shares", &OrderReplace::shares}, Field{"price", &OrderReplace::price}};
    }
};
static_assert(sizeof(OrderReplace) == 35);

/// Trade (non-cross): an execution against a hidden order; leaves the book alone.
struct Trade : Header {
    static constexpr char code = 'P';

    Uint64 ref;  ///< 0
    char side;   ///< always B since 2014, meaningless
    Uint32 shares;
    Text<8> stock;
    Price4 price;
    Uint64 match;

    static constexpr auto fields() {
        return std::tuple{Field{"ref", &Trade::ref},     Field{"side", &Trade::side},   Field{"shares", &Trade::shares},
                          Field{"stock", &Trade::stock}, Field{"price", &Trade::price}, Field{"match", &Trade::match}};
    }
};
static_assert(sizeof(Trade) == 44);

/// Cross Trade: an auction's bulk print; leaves the book alone.
struct CrossTrade : Header {
    static constexpr char code = 'Q';

    Uint64 shares;  ///< may be 0
    Text<8> stock;
    Price4 price;
    Uint64 match;
    char cross_type;  ///< O opening, C closing, H halt or IPO, A extended

    static constexpr auto fields() {
        return std::tuple{Field{"shares", &CrossTrade::shares}, Field{"stock", &CrossTrade::stock},
                          Field{"price", &CrossTrade::price}, Field{"match", &CrossTrade::match},
                          Field{"cross_type", &CrossTrade::cross_type}};
    }
};
static_assert(sizeof(CrossTrade) == 40);

/// Broken Trade: takes an execution out of the volume; leaves the book alone.
struct BrokenTrade : Header {
    static constexpr char code = 'B';

    Uint64 match;

    static constexpr auto fields() { return std::tuple{Field{"match", &BrokenTrade::match}}; }
};
static_assert(sizeof(BrokenTrade) == 19);

/// Net Order Imbalance Indicator: leaves the book alone.
struct Noii : Header {
    static constexpr char code = 'I';

    Uint64 paired;     ///< shares
    Uint64 imbalance;  ///< shares
    char direction;    ///< B S N O P
    Text<8> stock;
    Price4 far;
    Price4 near;
    Price4 reference;
    char cross_type;  ///< O C H A
    char variation;   ///< price variation band

    static constexpr auto fields() {
        return std::tuple{Field{"paired", &Noii::paired},
                          Field{"imbalance", &Noii::imbalance},
                          Field{"direction", &Noii::direction},
                          Field{"stock", &Noii::stock},
                          Field{"far", &Noii::far},
                          Field{"near", &Noii::near},
                          Field{"reference", &Noii::reference},
                          Field{"cross_type", &Noii::cross_type},
                          Field{"variation", &Noii::variation}};
    }
};
static_assert(sizeof(Noii) == 50);

/// Retail Price Improvement Indicator: leaves the book alone.
struct RetailPriceImprovement : Header {
    static constexpr char code = 'N';

    Text<8> stock;
    char interest;  ///< B S A N

    static constexpr auto fields() {
        return std::tuple{Field{"stock", &RetailPriceImprovement::stock},
                          Field{"interest", &RetailPriceImprovement::interest}};
    }
};
static_assert(sizeof(RetailPriceImprovement) == 20);

/// Direct Listing with Capital Raise: since 2023; leaves the book alone.
struct DirectListing : Header {
    static constexpr char code = 'O';

    Text<8> stock;
    char eligibility;  ///< Y N
    Price4 min;
    Price4 max;
    Price4 near;
    Uint64 near_time;  ///< nanoseconds since midnight
    Price4 lower;
    Price4 upper;

    static constexpr auto fields() {
        return std::tuple{Field{"stock", &DirectListing::stock}, Field{"eligibility", &DirectListing::eligibility},
                          Field{"min", &DirectListing::min},     Field{"max", &DirectListing::max},
                          Field{"near", &DirectListing::near},   Field{"near_time", &DirectListing::near_time},
                          Field{"lower", &DirectListing::lower}, Field{"upper", &DirectListing::upper}};
    }
};
static_assert(sizeof(DirectListing) == 48);

template <class... Messages>
struct MessageList {
    static constexpr std::size_t size = sizeof...(Messages);

    /// Calls `f.template operator()<Message>()` for each.
    template <class F>
    static constexpr void for_each(F&& f) {
        (f.template operator()<Messages>(), ...);
    }
};

using AllMessages =
    MessageList<SystemEvent, StockDirectory, TradingAction, RegSho, MarketParticipantPosition, MwcbDeclineLevel,
                MwcbStatus, IpoQuotingPeriod, LuldAuctionCollar, OperationalHalt, AddOrder, AddOrderMpid, OrderExecuted,
                OrderExecutedWithPrice, OrderCancel, OrderDelete, OrderReplace, Trade, CrossTrade, BrokenTrade, Noii,
                RetailPriceImprovement, DirectListing>;
static_assert(AllMessages::size == 23);

/// Payload length by type byte; 0 for a type unknown to ITCH 5.0.
inline constexpr std::array<std::uint8_t, 256> length_of_type = [] {
    std::array<std::uint8_t, 256> lengths{};
    AllMessages::for_each([&]<class Message>() {
        static_assert(alignof(Message) == 1 && std::is_trivially_copyable_v<Message>);
        lengths[static_cast<unsigned char>(Message::code)] = sizeof(Message);
    });
    return lengths;
}();

/// Calls `visitor(const Message&)` with the message that lies at `payload`, whose type must be known and whose bytes
/// must all be there. A visitor that cares for a few types takes the rest as `const Header&`. It is part of the loop
/// that calls it: GCC would make a function of it, and save and restore six registers around each message.
template <class Visitor>
[[gnu::always_inline]] constexpr decltype(auto) visit(const Header& payload, Visitor&& visitor) {
    // Five of six messages are one of these: what branches on them guesses better than a jump through a table.
    if (payload.type == AddOrder::code) return visitor(static_cast<const AddOrder&>(payload));
    if (payload.type == OrderDelete::code) return visitor(static_cast<const OrderDelete&>(payload));
    switch (payload.type) {
        case SystemEvent::code: return visitor(static_cast<const SystemEvent&>(payload));
        case StockDirectory::code: return visitor(static_cast<const StockDirectory&>(payload));
        case TradingAction::code: return visitor(static_cast<const TradingAction&>(payload));
        case RegSho::code: return visitor(static_cast<const RegSho&>(payload));
        case MarketParticipantPosition::code: return visitor(static_cast<const MarketParticipantPosition&>(payload));
        case MwcbDeclineLevel::code: return visitor(static_cast<const MwcbDeclineLevel&>(payload));
        case MwcbStatus::code: return visitor(static_cast<const MwcbStatus&>(payload));
        case IpoQuotingPeriod::code: return visitor(static_cast<const IpoQuotingPeriod&>(payload));
        case LuldAuctionCollar::code: return visitor(static_cast<const LuldAuctionCollar&>(payload));
        case OperationalHalt::code: return visitor(static_cast<const OperationalHalt&>(payload));
        case AddOrderMpid::code: return visitor(static_cast<const AddOrderMpid&>(payload));
        case OrderExecuted::code: return visitor(static_cast<const OrderExecuted&>(payload));
        case OrderExecutedWithPrice::code: return visitor(static_cast<const OrderExecutedWithPrice&>(payload));
        case OrderCancel::code: return visitor(static_cast<const OrderCancel&>(payload));
        case OrderReplace::code: return visitor(static_cast<const OrderReplace&>(payload));
        case Trade::code: return visitor(static_cast<const Trade&>(payload));
        case CrossTrade::code: return visitor(static_cast<const CrossTrade&>(payload));
        case BrokenTrade::code: return visitor(static_cast<const BrokenTrade&>(payload));
        case Noii::code: return visitor(static_cast<const Noii&>(payload));
        case RetailPriceImprovement::code: return visitor(static_cast<const RetailPriceImprovement&>(payload));
        case DirectListing::code: return visitor(static_cast<const DirectListing&>(payload));
        default: return visitor(payload);
    }
}

}  // namespace nanobook::itch

// A small venue: an exchange inside a C++ program, with stops, and a journal that survives the program.
//
//     exchange [JOURNAL]     without a file, a temporary one is used and removed
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <string>
#include <system_error>
#include <utility>

#include <nanobook/exchange/exchange.hpp>
#include <nanobook/exchange/journal.hpp>

using namespace nanobook;

namespace {

/// An exchange whose every input is in a journal before anything is done about it.
class Venue : private EventSink {
  public:
    explicit Venue(const std::filesystem::path& path)
        : exchange_({.symbol = symbol()}),
          journal_(Journal::open(path, {.header = EventFileHeader{.symbol = symbol(), .price_scale = 2}},
                                 // What the journal holds already happens again.
                                 [this](const Event& event) { exchange_.apply(event); })) {
        exchange_.log().set_sink(this);
    }

    [[nodiscard]] Exchange& exchange() noexcept { return exchange_; }
    [[nodiscard]] Journal& journal() noexcept { return journal_; }

  private:
    static Symbol symbol() { return *Symbol::parse("ACME"); }

    // Where this throws, the exchange does nothing.
    void on_event(const Event& event) override { journal_.append(event); }

    Exchange exchange_;
    Journal journal_;
};

double dollars(Price price) { return static_cast<double>(price) / 100; }

void show(const char* what, const TradesView& trades) {
    for (const Trade& trade : trades) {
        std::printf("  %-10s order %llu, %llu of order %llu at %.2f\n", what,
                    static_cast<unsigned long long>(trade.aggressor_order_id),
                    static_cast<unsigned long long>(trade.quantity),
                    static_cast<unsigned long long>(trade.passive_order_id), dollars(trade.price));
    }
}

void show(const Exchange& exchange) {
    const BookSnapshot book = exchange.depth(5);
    for (auto ask = book.asks.rbegin(); ask != book.asks.rend(); ++ask) {
        std::printf("  %8.2f  ask %4.0f\n", dollars(ask->price), static_cast<double>(ask->quantity));
    }
    for (const LevelView& bid : book.bids) {
        std::printf("  %8.2f  bid %4.0f\n", dollars(bid.price), static_cast<double>(bid.quantity));
    }
}

void trade(Exchange& exchange) {
    for (const auto& [price, quantity] : {std::pair<Price, Quantity>{100'00, 10}, {99'00, 10}, {98'00, 30}}) {
        exchange.submit_limit(Side::buy, price, quantity);
    }
    exchange.submit_limit(Side::sell, 101'00, 20);
    const OrderId stop = exchange.submit_stop_market(Side::sell, 100'00, 10).order_id;
    exchange.submit_trailing_stop_limit(Side::sell, 95'00, 97'00, 5, TrailMethod::percentage(0.01));

    std::printf("a market sell of 10, and what it sets off\n");
    const SubmitResult result = exchange.submit_market(Side::sell, 10);
    show("its own", result.trades);
    show("of stops", result.triggered);
    if (const auto fired = exchange.get_stop_order(stop)) {
        std::printf("  stop %llu became order %llu\n", static_cast<unsigned long long>(stop),
                    static_cast<unsigned long long>(fired->child_order_id));
    }

    // What comes from outside goes through the functions that check it.
    const Try<SubmitResult> attempt = exchange.try_submit_limit(Side::buy, 0, 5);
    if (!attempt) {
        std::printf("refused: %s\n", describe(attempt.error(), Event::submit_limit(Side::buy, 0, 5)).c_str());
    }
}

void run(const std::filesystem::path& path) {
    std::uint64_t before = 0;
    {
        Venue venue(path);
        std::printf("%llu events in the journal\n",
                    static_cast<unsigned long long>(venue.journal().recovery().events_kept));
        trade(venue.exchange());
        show(venue.exchange());
        venue.journal().sync();  // on the disk from here on
        before = venue.exchange().state_hash();
    }
    Venue again(path);
    std::printf("opened again: %llu events, %s state\n", static_cast<unsigned long long>(again.journal().events()),
                again.exchange().state_hash() == before ? "the same" : "another");
}

/// A file of its own name, gone at the end.
class TemporaryFile {
  public:
    TemporaryFile()
        : path_(std::filesystem::temp_directory_path() /
                ("nanobook-" + std::to_string(std::chrono::steady_clock::now().time_since_epoch().count()) +
                 ".journal")) {}
    TemporaryFile(const TemporaryFile&) = delete;
    TemporaryFile& operator=(const TemporaryFile&) = delete;
    ~TemporaryFile() {
        std::error_code ignored;
        std::filesystem::remove(path_, ignored);
    }
    [[nodiscard]] const std::filesystem::path& path() const noexcept { return path_; }

  private:
    std::filesystem::path path_;
};

}  // namespace

int main(int argc, char** argv) {
    try {
        if (argc > 1) {
            run(argv[1]);
        } else {
            run(TemporaryFile().path());
        }
    } catch (const std::exception& error) {
        std::fprintf(stderr, "exchange: %s\n", error.what());
        return 1;
    }
}

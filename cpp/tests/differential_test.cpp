// Random operations on few price levels, against models that are right at a glance. What is stale after a compaction or
// a reused key shows here, as it shows nowhere else.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <unordered_map>
#include <vector>

#include <nanobook/detail/random.hpp>
#include <nanobook/itch/order_index.hpp>

#include "compare_books.hpp"
#include "reference_book.hpp"
#include "test_orders.hpp"

using namespace nanobook;
using nanobook::detail::Random;
using nanobook::itch::OrderIndex;
using nanobook::itch::OrderSlot;
using nanobook::itch::OrderTable;
using nanobook::test::difference;
using nanobook::test::reference_side;
using nanobook::test::ReferenceBook;
using nanobook::test::TestMarket;

namespace {

// An assertion of doctest costs more than the operations checked here.
void must(bool holds, const char* what) {
    if (!holds) FAIL(what);
}

// ---- the book

struct Plan {
    std::uint32_t prices;  // price levels a side may have
    std::uint32_t live;    // orders the book tends to
    bool reuse = false;    // keys of orders that are gone may be used again
    std::uint64_t seed = 1;
    std::uint32_t operations = 100'000;
};

template <class Levels>
class Duel {
  public:
    explicit Duel(const Plan& plan) : plan_(plan), random_(plan.seed) {}

    void run() {
        CAPTURE(plan_.prices);
        for (std::uint32_t i = 0; i < plan_.operations; ++i) {
            step();
            if (i % 512 == 0) compare();
        }
        compare();
        while (!live_.empty()) remove(live_.back());
        CHECK(market_.book.empty());
        CHECK(reference_.size() == 0);
    }

  private:
    void step() {
        // Fills and empties in turn, so that levels come and go.
        const bool filling = live_.size() < plan_.live / 4 || (growing_ && live_.size() < plan_.live);
        growing_ = filling || (live_.size() < plan_.live / 4);
        if (live_.empty() || random_.below(100) < (filling ? 60U : 30U)) return add();
        switch (random_.below(8)) {
            case 0:
            case 1: return reduce(any_live());
            case 2:
            case 3: return execute_front(random_.once_in(2) ? Side::buy : Side::sell);
            default: return remove(any_live());
        }
    }

    void add() {
        const bool again = plan_.reuse && !gone_.empty() && random_.once_in(3);
        const std::uint64_t key = again ? gone_[random_.below(static_cast<std::uint32_t>(gone_.size()))] : next_key_++;
        if (again) std::erase(gone_, key);
        const Side side = random_.once_in(2) ? Side::buy : Side::sell;
        const Price price = 1000 + random_.below(plan_.prices);
        const Quantity quantity = 1 + random_.below(20);
        market_.add(side, price, key, quantity);
        must(reference_.add(reference_side(side), price, key, quantity), "the naive book has no such order");
        live_.push_back(key);
    }

    void reduce(std::uint64_t key) {
        const Quantity quantity = market_.orders.quantity_of(key);
        if (quantity == 1) return remove(key);
        const Quantity taken = 1 + random_.below(static_cast<std::uint32_t>(quantity - 1));
        market_.reduce(key, taken);
        must(reference_.reduce(key, taken) == taken, "as much rests in the naive book");
    }

    void remove(std::uint64_t key) {
        const Quantity quantity = market_.orders.quantity_of(key);
        market_.remove(key);
        must(reference_.remove(key) == quantity, "as much rested in the naive book");
        left(key);
    }

    void execute_front(Side side) {
        if (market_.ladder(side).empty()) return;
        const Quantity wanted = 1 + random_.below(40);
        Quantity left_to_take = wanted;
        for (const auto& fill : reference_.execute_front(reference_side(side), wanted)) {
            must(market_.front(side) == fill.key, "the same order is first");
            must(market_.best_level(side).price == fill.price, "the same price is best");
            const Quantity rested = market_.orders.quantity_of(fill.key);
            must(std::min(rested, left_to_take) == fill.quantity, "as much is filled");
            left_to_take -= fill.quantity;
            if (fill.quantity == rested) {
                market_.remove(fill.key);
                left(fill.key);
            } else {
                market_.reduce(fill.key, fill.quantity);
            }
        }
    }

    void compare() {
        REQUIRE(difference(market_.book, market_.levels, market_.orders, reference_) == "");
        REQUIRE(reference_.size() == live_.size());
        if (live_.empty()) return;
        const std::uint64_t key = any_live();
        REQUIRE(Book::queue_ahead(market_.levels, key, market_.orders) == reference_.queue_ahead(key));
    }

    std::uint64_t any_live() { return live_[random_.below(static_cast<std::uint32_t>(live_.size()))]; }

    void left(std::uint64_t key) {
        std::erase(live_, key);
        gone_.push_back(key);
        if (gone_.size() > 64) gone_.erase(gone_.begin());
    }

    Plan plan_;
    Random random_;
    TestMarket<Levels> market_;
    ReferenceBook reference_;
    std::vector<std::uint64_t> live_;
    std::vector<std::uint64_t> gone_;
    std::uint64_t next_key_ = 1;
    bool growing_ = true;
};

using Tight = Levels<std::uint64_t, 1>;
using Usual = Levels<std::uint64_t>;

// ---- the index

// Checks an index against std::unordered_map: every answer as it is given, and all of them at the end.
class IndexDuel {
  public:
    void insert(std::uint64_t ref) {
        must(!index_.find(ref), "no such order yet");
        const OrderSlot slot{1 + next_ % 1000, next_};
        ++next_;
        *index_.claim(ref) = slot;
        model_[ref] = slot;
    }

    void erase(std::uint64_t ref) {
        index_.erase(find(ref));
        model_.erase(ref);
        must(!index_.find(ref), "the order is gone");
        must(index_.size() == model_.size(), "as many orders");
    }

    // Inserts where nothing is, erases where something is.
    void flip(std::uint64_t ref) {
        if (model_.contains(ref)) {
            erase(ref);
        } else {
            insert(ref);
        }
    }

    OrderIndex::Order find(std::uint64_t ref) {
        const auto order = index_.find(ref);
        must(order && order->shares == model_.at(ref).shares, "the order is found");
        return order;
    }

    void compare() {
        REQUIRE(index_.size() == model_.size());
        for (const auto& [ref, slot] : model_) {
            must(index_.level_of(ref) == slot.level && index_.quantity_of(ref) == slot.shares, "the order is found");
        }
    }

    // Lets so many orders come and go that every page is old: the next erase on one that holds few empties it.
    void age() {
        constexpr std::uint64_t elsewhere = std::uint64_t{1} << 62;
        for (int i = 0; i < 4'500'000; ++i) {
            *index_.claim(elsewhere) = {1, 1};
            index_.erase(index_.find(elsewhere));
        }
    }

    void drain() {
        compare();
        std::vector<std::uint64_t> refs;
        for (const auto& [ref, slot] : model_) refs.push_back(ref);
        for (const std::uint64_t ref : refs) erase(ref);
        REQUIRE(index_.size() == 0);
    }

    [[nodiscard]] OrderIndex& index() { return index_; }

  private:
    OrderIndex index_;
    std::unordered_map<std::uint64_t, OrderSlot> model_;
    std::uint32_t next_ = 0;
};

// Some of every page live long, the others die young: pages are emptied into the table and used again.
void day_of(std::uint64_t first, std::uint64_t step, std::uint32_t orders, IndexDuel& duel) {
    Random random(first + step);
    std::vector<std::uint64_t> young;
    std::vector<std::uint64_t> old;
    for (std::uint32_t i = 0; i < orders; ++i) {
        const std::uint64_t ref = first + i * step;
        duel.insert(ref);
        (random.once_in(20) ? old : young).push_back(ref);
        if (young.size() > 200) {
            const std::size_t at = random.below(static_cast<std::uint32_t>(young.size()));
            duel.erase(young[at]);
            young[at] = young.back();
            young.pop_back();
        }
        if (old.size() > 4000) {
            const std::size_t at = random.below(static_cast<std::uint32_t>(old.size()));
            duel.erase(old[at]);
            old[at] = old.back();
            old.pop_back();
        }
    }
}

}  // namespace

TEST_CASE_TEMPLATE("random_operations_leave_the_book_the_naive_one_has", Levels, Tight, Usual) {
    for (const std::uint32_t prices : {3U, 7U, 31U}) {
        Duel<Levels>({.prices = prices, .live = 40, .seed = prices}).run();
    }
}

TEST_CASE_TEMPLATE("random_operations_with_keys_used_again_leave_the_book_the_naive_one_has", Levels, Tight, Usual) {
    Duel<Levels>({.prices = 3, .live = 30, .reuse = true, .seed = 41}).run();
    Duel<Levels>({.prices = 11, .live = 60, .reuse = true, .seed = 42}).run();
}

TEST_CASE_TEMPLATE("deep_queues_are_those_of_the_naive_book", Levels, Tight, Usual) {
    Duel<Levels>({.prices = 3, .live = 1500, .seed = 51, .operations = 15'000}).run();
    Duel<Levels>({.prices = 3, .live = 600, .reuse = true, .seed = 52, .operations = 15'000}).run();
}

TEST_CASE("the_index_holds_dense_references") {
    IndexDuel duel;
    day_of(1, 1, 300'000, duel);
    duel.drain();
}

TEST_CASE("the_index_holds_references_of_one_partition") {
    IndexDuel duel;
    day_of(3, 4, 300'000, duel);
    duel.drain();
}

TEST_CASE("the_index_holds_one_order_a_page") {
    IndexDuel duel;
    day_of(5, 8192, 20'000, duel);
    duel.drain();
}

TEST_CASE("the_index_holds_references_of_any_64_bits") {
    IndexDuel duel;
    Random random(7);
    std::vector<std::uint64_t> refs;
    for (int i = 0; i < 50'000; ++i) {
        if (refs.size() < 3000 || random.once_in(2)) {
            refs.push_back(random.next());
            duel.insert(refs.back());
        } else {
            duel.erase(refs.back());
            refs.pop_back();
        }
    }
    duel.drain();
}

TEST_CASE("the_index_holds_the_extreme_references") {
    IndexDuel duel;
    constexpr std::uint64_t page = 8192;
    constexpr std::uint64_t book = page * 4096;
    for (const std::uint64_t at : {page, book, book * 65'536, std::uint64_t{1} << 32, std::uint64_t{1} << 63}) {
        for (const std::uint64_t ref : {at - 1, at, at + 1}) duel.insert(ref);
    }
    for (const std::uint64_t ref : {std::uint64_t{0}, std::uint64_t{1}, ~std::uint64_t{0}, ~std::uint64_t{0} - 1}) {
        duel.insert(ref);
    }
    duel.drain();
}

TEST_CASE("an_emptied_page_finds_its_orders_in_the_table_and_takes_new_ones") {
    IndexDuel duel;
    for (std::uint64_t ref = 0; ref < 300; ++ref) duel.insert(ref);
    for (std::uint64_t ref = 8192; ref < 8192 + 300'000; ++ref) {
        duel.insert(ref);
        if (ref % 50 != 0) duel.erase(ref);
    }
    duel.age();
    duel.erase(7);
    for (std::uint64_t ref = 0; ref < 300; ++ref) {
        if (ref != 7) duel.find(ref);
    }
    duel.insert(7);
    duel.insert(301);
    for (std::uint64_t ref = 0; ref < 302; ++ref) duel.flip(ref);
    duel.drain();
}

TEST_CASE("references_that_come_back_to_emptied_pages_are_found") {
    IndexDuel duel;
    Random random(13);
    std::uint64_t ref = 0;
    for (int round = 0; round < 2; ++round) {
        for (int i = 0; i < 100'000; ++i) {
            duel.insert(ref += 1 + random.below(3));
            if (!random.once_in(40)) duel.erase(ref);
        }
        duel.age();
        for (int i = 0; i < 20'000; ++i) duel.flip(random.below(static_cast<std::uint32_t>(ref)));
        duel.compare();
        ref += 1'000'000;
    }
    duel.drain();
}

TEST_CASE("an_emptied_page_serves_other_references") {
    // A page is used again: what stood on it must not be seen under the reference of its new place.
    IndexDuel duel;
    for (std::uint64_t ref = 0; ref < 64 * 8192; ref += 64) duel.insert(ref);
    duel.age();
    for (std::uint64_t ref = 0; ref < 64 * 8192; ref += 8192) duel.erase(ref);
    for (std::uint64_t ref = 64 * 8192; ref < 128 * 8192; ref += 32) duel.insert(ref);
    for (std::uint64_t ref = 64 * 8192; ref < 128 * 8192; ++ref) {
        must(static_cast<bool>(duel.index().find(ref)) == (ref % 32 == 0), "only what was inserted is there");
    }
    duel.drain();
}

TEST_CASE("a_moved_index_keeps_its_orders") {
    IndexDuel duel;
    day_of(1, 1, 20'000, duel);
    OrderIndex moved = std::move(duel.index());
    CHECK(duel.index().size() == 0);
    duel.index() = std::move(moved);
    duel.drain();
}

TEST_CASE("a_table_keeps_colliding_references_apart") {
    // Multiples of the inverse of the hash's factor by small numbers collide: their products are those numbers.
    constexpr std::uint64_t inverse = 0xF1DE83E19937733D;
    static_assert(inverse * 0x9E3779B97F4A7C15 == 1);
    OrderTable table;
    std::unordered_map<std::uint64_t, std::uint32_t> model;
    Random random(19);
    for (std::uint32_t i = 0; i < 100'000; ++i) {
        // Two runs of equal home: at the table's beginning, and at its end, where the probe wraps around.
        const std::uint64_t ref = inverse * (random.below(60) + (random.once_in(2) ? 0 : std::uint64_t{0} - 60));
        OrderSlot* const slot = table.find(ref);
        must((slot != nullptr) == model.contains(ref), "the order is there or not");
        if (slot != nullptr) {
            must(slot->shares == model[ref], "the order is its own");
            table.erase(slot);
            model.erase(ref);
        } else {
            *table.claim(ref) = {1, i};
            model[ref] = i;
        }
        must(table.size() == model.size(), "as many orders");
        if (i % 64 == 0) {
            for (const auto& [key, shares] : model) must(table.find(key)->shares == shares, "the order is found");
        }
    }
}

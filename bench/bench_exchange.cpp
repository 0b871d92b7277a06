// The exchange: orders, cancels, queries, a mix. Memory is reserved, and its event log is on, unless the name says
// otherwise; the time is that of one operation.
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <nanobook/exchange/exchange.hpp>
#include <nanobook/exchange/multi_exchange.hpp>

#include "measure.hpp"

using namespace nanobook;
using bench::measure;
using bench::Random;
using bench::repeat;

namespace {

constexpr Price touch = 100'000;  // bids end just below, asks begin here

// Bids on `levels` prices below the touch, in random order of price.
void rest_bids(Exchange& exchange, std::size_t orders, std::size_t levels, Quantity quantity = 10) {
    Random random;
    for (std::size_t i = 0; i < orders; ++i) {
        exchange.submit_limit(Side::buy, touch - 1 - static_cast<Price>(random.below(levels)), quantity);
    }
}

Exchange reserved(std::size_t orders) {
    Exchange exchange;
    exchange.reserve(orders);
    return exchange;
}

std::vector<Price> bid_prices(std::size_t count, std::size_t levels) {
    Random random(7);
    std::vector<Price> prices(count);
    for (Price& price : prices) price = touch - 1 - static_cast<Price>(random.below(levels));
    return prices;
}

// ---------------------------------------------------------------------- submit

// A book of one order a level; then as many orders as fit the second-level cache.
void submit_no_match(benchmark::State& state) {
    const auto levels = static_cast<std::size_t>(state.range(0));
    constexpr std::size_t count = 2'000;
    const auto prices = bid_prices(count, levels);
    measure(
        state, count,
        [&] {
            Exchange exchange = reserved(count + levels);
            for (std::size_t i = 0; i < levels; ++i) {
                exchange.submit_limit(Side::buy, touch - 1 - static_cast<Price>(i), 10);
            }
            return exchange;
        },
        [&](Exchange& exchange) {
            for (const Price price : prices) benchmark::DoNotOptimize(exchange.submit_limit(Side::buy, price, 10));
        });
}
BENCHMARK(submit_no_match)->Arg(10)->Arg(100)->Arg(1000)->UseManualTime();

void submit_no_match_100k_resting(benchmark::State& state) {
    constexpr std::size_t count = 20'000;
    const auto prices = bid_prices(count, 1000);
    measure(
        state, count,
        [&] {
            Exchange exchange = reserved(100'000 + count);
            rest_bids(exchange, 100'000, 1000);
            return exchange;
        },
        [&](Exchange& exchange) {
            for (const Price price : prices) benchmark::DoNotOptimize(exchange.submit_limit(Side::buy, price, 10));
        });
}
BENCHMARK(submit_no_match_100k_resting)->UseManualTime();

// Memory comes from the system as it goes.
void submit_no_match_cold(benchmark::State& state) {
    constexpr std::size_t count = 100'000;
    const auto prices = bid_prices(count, 100);
    measure(
        state, count, [] { return Exchange(); },
        [&](Exchange& exchange) {
            for (const Price price : prices) benchmark::DoNotOptimize(exchange.submit_limit(Side::buy, price, 10));
        });
}
BENCHMARK(submit_no_match_cold)->UseManualTime();

void submit_no_match_log_off(benchmark::State& state) {
    constexpr std::size_t count = 2'000;
    const auto prices = bid_prices(count, 100);
    measure(
        state, count,
        [&] {
            Exchange exchange = reserved(count);
            exchange.log().enable(false);
            return exchange;
        },
        [&](Exchange& exchange) {
            for (const Price price : prices) benchmark::DoNotOptimize(exchange.submit_limit(Side::buy, price, 10));
        });
}
BENCHMARK(submit_no_match_log_off)->UseManualTime();

// Every order fills one that rests, whole.
void submit_single_fill(benchmark::State& state) {
    constexpr std::size_t count = 2'000;
    measure(
        state, count,
        [] {
            Exchange exchange = reserved(2 * count);
            rest_bids(exchange, count, 10);
            return exchange;
        },
        [](Exchange& exchange) {
            for (std::size_t i = 0; i < count; ++i) {
                benchmark::DoNotOptimize(exchange.submit_limit(Side::sell, touch - 10, 10));
            }
        });
}
BENCHMARK(submit_single_fill)->UseManualTime();

// One order takes a whole level, and so many levels; the time is that of one fill.
void market_sweep(benchmark::State& state) {
    const auto levels = static_cast<std::size_t>(state.range(0));
    constexpr std::size_t orders_a_level = 100;
    constexpr std::size_t sweeps = 20;
    measure(
        state, sweeps * levels * orders_a_level,
        [&] {
            Exchange exchange = reserved(sweeps * (levels * orders_a_level + 1));
            for (std::size_t level = 0; level < sweeps * levels; ++level) {
                for (std::size_t i = 0; i < orders_a_level; ++i) {
                    exchange.submit_limit(Side::buy, touch - static_cast<Price>(level) - 1, 10);
                }
            }
            return exchange;
        },
        [&](Exchange& exchange) {
            for (std::size_t i = 0; i < sweeps; ++i) {
                benchmark::DoNotOptimize(exchange.submit_market(Side::sell, 10 * levels * orders_a_level));
            }
        });
}
BENCHMARK(market_sweep)->Arg(1)->Arg(5)->Arg(10)->UseManualTime();

// The orders of a level came a thousand others apart, so that their slots share no cache line.
void sweep_interleaved(benchmark::State& state) {
    constexpr std::size_t levels = 1000;
    constexpr std::size_t orders = 100'000;
    measure(
        state, orders,
        [] {
            Exchange exchange = reserved(2 * orders);
            for (std::size_t i = 0; i < orders; ++i) {
                exchange.submit_limit(Side::buy, touch - 1 - static_cast<Price>(i % levels), 10);
            }
            return exchange;
        },
        [](Exchange& exchange) {
            for (std::size_t i = 0; i < levels; ++i) {
                benchmark::DoNotOptimize(exchange.submit_market(Side::sell, 10 * orders / levels));
            }
        });
}
BENCHMARK(sweep_interleaved)->UseManualTime();

void submit_ioc(benchmark::State& state) {
    constexpr std::size_t count = 2'000;
    measure(
        state, count,
        [] {
            Exchange exchange = reserved(count + 100);
            rest_bids(exchange, 100, 10);
            return exchange;
        },
        [](Exchange& exchange) {
            for (std::size_t i = 0; i < count; ++i) {
                benchmark::DoNotOptimize(exchange.submit_limit(Side::sell, touch, 10, TimeInForce::ioc));
            }
        });
}
BENCHMARK(submit_ioc)->UseManualTime();

void submit_fok_rejected(benchmark::State& state) {
    constexpr std::size_t count = 2'000;
    measure(
        state, count,
        [] {
            Exchange exchange = reserved(count + 100);
            rest_bids(exchange, 100, 10);
            return exchange;
        },
        [](Exchange& exchange) {
            for (std::size_t i = 0; i < count; ++i) {
                benchmark::DoNotOptimize(exchange.submit_limit(Side::sell, touch - 100, 2000, TimeInForce::fok));
            }
        });
}
BENCHMARK(submit_fok_rejected)->UseManualTime();

// ---------------------------------------------------------------------- cancel, modify, reduce

enum Order { middle, first, last, random_order };

// So many orders at one price, of which a tenth are cancelled: from the middle on, from either end, or anywhere.
void cancel_deep(benchmark::State& state, std::size_t depth, Order order) {
    const std::size_t books = std::max<std::size_t>(1, 1000 / depth);
    const std::size_t cancels = std::max<std::size_t>(1, depth / 10);
    std::vector<OrderId> ids;
    Random random;
    for (std::size_t book = 0; book < books; ++book) {
        const auto shuffled = random.shuffled(depth, 1);
        for (std::size_t i = 0; i < cancels; ++i) {
            const std::size_t at = order == middle  ? depth / 2 + 1 + i
                                   : order == first ? 1 + i
                                   : order == last  ? depth - i
                                                    : shuffled[i];
            ids.push_back(book * depth + at);
        }
    }
    measure(
        state, ids.size(),
        [&] {
            Exchange exchange = reserved(books * depth + ids.size());
            for (std::size_t i = 0; i < books * depth; ++i) {
                exchange.submit_limit(Side::buy, touch - 1 - static_cast<Price>(i / depth), 10);
            }
            return exchange;
        },
        [&](Exchange& exchange) {
            for (const OrderId id : ids) benchmark::DoNotOptimize(exchange.cancel(id));
        });
}
const bool registered = [] {
    constexpr std::array<const char*, 4> names{"middle", "first", "last", "random"};
    for (const std::size_t depth : {10u, 100u, 1000u, 100'000u}) {
        for (const Order order : {middle, first, last, random_order}) {
            const std::string full = "cancel_deep/" + std::to_string(depth) + '/' + names[order];
            benchmark::RegisterBenchmark(full.c_str(), cancel_deep, depth, order)->UseManualTime();
        }
    }
    return true;
}();

// One order a level.
void cancel_shallow(benchmark::State& state) {
    const auto levels = static_cast<std::size_t>(state.range(0));
    const auto ids = Random().shuffled(levels, 1);
    measure(
        state, levels,
        [&] {
            Exchange exchange = reserved(2 * levels);
            for (std::size_t i = 0; i < levels; ++i) {
                exchange.submit_limit(Side::buy, touch - 1 - static_cast<Price>(i), 10);
            }
            return exchange;
        },
        [&](Exchange& exchange) {
            for (const OrderId id : ids) benchmark::DoNotOptimize(exchange.cancel(id));
        });
}
BENCHMARK(cancel_shallow)->Arg(10)->Arg(100)->Arg(1000)->UseManualTime();

// Of 10,000 orders at one price two thirds are gone, and their tombstones too; the rest goes in random order.
void cancel_after_compaction(benchmark::State& state) {
    constexpr std::size_t count = 10'000;
    constexpr std::size_t gone = count / 3 * 2;
    const auto ids = Random().shuffled(count, 1);
    measure(
        state, count - gone,
        [&] {
            Exchange exchange = reserved(2 * count);
            for (std::size_t i = 0; i < count; ++i) exchange.submit_limit(Side::buy, touch - 1, 10);
            for (std::size_t i = 0; i < gone; ++i) exchange.cancel(ids[i]);
            exchange.compact();
            return exchange;
        },
        [&](Exchange& exchange) {
            for (std::size_t i = gone; i < count; ++i) benchmark::DoNotOptimize(exchange.cancel(ids[i]));
        });
}
BENCHMARK(cancel_after_compaction)->UseManualTime();

// The book grows and is emptied again, with memory from the system: the time is that of a submit and its cancel.
void submit_and_cancel_cold(benchmark::State& state) {
    constexpr std::size_t count = 100'000;
    measure(
        state, count, [] { return Exchange(); },
        [](Exchange& exchange) {
            for (std::size_t i = 0; i < count; ++i) {
                exchange.submit_limit(Side::buy, touch - 1 - static_cast<Price>(i % 10), 10);
            }
            for (std::size_t i = 0; i < count; ++i) benchmark::DoNotOptimize(exchange.cancel(count - i));
        });
}
BENCHMARK(submit_and_cancel_cold)->UseManualTime();

// Orders come, go, and are filled, all at one price.
void churn(benchmark::State& state) {
    constexpr std::size_t rounds = 2'000;
    measure(
        state, 4 * rounds,
        [] {
            Exchange exchange = reserved(4 * rounds + 1000);
            rest_bids(exchange, 1000, 1);
            return exchange;
        },
        [](Exchange& exchange) {
            Random random;
            for (std::size_t i = 0; i < rounds; ++i) {
                const OrderId id = exchange.submit_limit(Side::buy, touch - 1, 10).order_id;
                exchange.cancel(id - random.below(900));
                exchange.submit_limit(Side::buy, touch - 1, 10);
                exchange.submit_market(Side::sell, 5);
            }
        });
}
BENCHMARK(churn)->UseManualTime();

void modify(benchmark::State& state) {
    const auto levels = static_cast<std::size_t>(state.range(0));
    constexpr std::size_t count = 2'000;
    const auto prices = bid_prices(count, levels);
    measure(
        state, count,
        [&] {
            Exchange exchange = reserved(2 * count);
            rest_bids(exchange, count, levels);
            return exchange;
        },
        [&](Exchange& exchange) {
            for (std::size_t i = 0; i < count; ++i) benchmark::DoNotOptimize(exchange.modify(i + 1, prices[i], 12));
        });
}
BENCHMARK(modify)->Arg(10)->Arg(100)->UseManualTime();

void reduce(benchmark::State& state) {
    constexpr std::size_t count = 2'000;
    measure(
        state, count,
        [] {
            Exchange exchange = reserved(2 * count);
            rest_bids(exchange, count, 100);
            return exchange;
        },
        [](Exchange& exchange) {
            for (std::size_t i = 0; i < count; ++i) benchmark::DoNotOptimize(exchange.reduce(i + 1, 1));
        });
}
BENCHMARK(reduce)->UseManualTime();

// ---------------------------------------------------------------------- queries

template <benchmark::IterationCount Times, class Work>
void query(benchmark::State& state, Work&& work) {
    repeat<Times>(state, work);
    state.SetItemsProcessed(state.iterations());
}

Exchange two_sided() {
    Exchange exchange;
    rest_bids(exchange, 1000, 100);
    for (std::size_t i = 0; i < 1000; ++i) {
        exchange.submit_limit(Side::sell, touch + static_cast<Price>(i % 100), 10);
    }
    return exchange;
}

void best_bid_ask(benchmark::State& state) {
    const Exchange exchange = two_sided();
    query<1000>(state, [&] {
        benchmark::DoNotOptimize(exchange.best_bid());
        benchmark::DoNotOptimize(exchange.best_ask());
        benchmark::ClobberMemory();
    });
}
BENCHMARK(best_bid_ask);

// Both sides, into the caller's memory.
void depth(benchmark::State& state) {
    const Exchange exchange = two_sided();
    std::vector<LevelView> rows(2 * static_cast<std::size_t>(state.range(0)));
    const auto half = rows.size() / 2;
    query<100>(state, [&] {
        exchange.depth(Side::buy, std::span(rows).first(half));
        exchange.depth(Side::sell, std::span(rows).last(half));
        benchmark::DoNotOptimize(rows.data());
        benchmark::ClobberMemory();
    });
}
BENCHMARK(depth)->Arg(5)->Arg(10)->Arg(20);

void depth_snapshot(benchmark::State& state) {
    const Exchange exchange = two_sided();
    query<100>(state, [&] { benchmark::DoNotOptimize(exchange.depth(10)); });
}
BENCHMARK(depth_snapshot);

void full_book(benchmark::State& state) {
    const Exchange exchange = two_sided();
    query<10>(state, [&] { benchmark::DoNotOptimize(exchange.full_book()); });
}
BENCHMARK(full_book);

void l3(benchmark::State& state) {
    const Exchange exchange = two_sided();
    query<10>(state, [&] { benchmark::DoNotOptimize(exchange.orders(Side::buy)); });
}
BENCHMARK(l3);

void queue_ahead(benchmark::State& state) {
    Exchange exchange;
    rest_bids(exchange, 1000, 1);
    query<100>(state, [&] { benchmark::DoNotOptimize(exchange.queue_ahead(500)); });
}
BENCHMARK(queue_ahead);

// ---------------------------------------------------------------------- many symbols, a mix

void multi_symbol(benchmark::State& state) {
    const auto symbols = static_cast<std::size_t>(state.range(0));
    constexpr std::size_t count = 20'000;
    std::vector<Symbol> names;
    for (std::size_t i = 0; i < symbols; ++i) names.push_back(*Symbol::parse("S" + std::to_string(i)));
    measure(
        state, count, [] { return MultiExchange(); },
        [&](MultiExchange& exchanges) {
            for (std::size_t i = 0; i < count; ++i) {
                exchanges.submit_limit(names[i % symbols], Side::buy, touch - 1 - static_cast<Price>(i % 7), 10);
            }
        });
}
BENCHMARK(multi_symbol)->Arg(10)->Arg(100)->Arg(1000)->UseManualTime();

// Which orders live is the same each time, so what is done to an exchange can be thrown ahead of time.
struct Operation {
    EventKind kind;
    Side side;
    Price price;
    Quantity quantity;
    OrderId id;
};

void perform(Exchange& exchange, const std::vector<Operation>& operations) {
    for (const Operation& operation : operations) {
        switch (operation.kind) {
            case EventKind::submit_limit:
                benchmark::DoNotOptimize(exchange.submit_limit(operation.side, operation.price, operation.quantity));
                break;
            case EventKind::cancel: benchmark::DoNotOptimize(exchange.cancel(operation.id)); break;
            case EventKind::reduce: benchmark::DoNotOptimize(exchange.reduce(operation.id, operation.quantity)); break;
            default: benchmark::DoNotOptimize(exchange.submit_market(operation.side, operation.quantity));
        }
    }
}

// 45 % adds, 45 % cancels of any live order, 10 % that trade, around 100,000 live orders.
void mixed(benchmark::State& state) {
    constexpr std::size_t live = 100'000;
    constexpr std::size_t count = 100'000;
    const auto price_of = [](Random& random, Side side) {
        // Half of them within eight levels of the touch.
        const auto away = static_cast<Price>(random.below(2) == 0 ? random.below(8) : random.below(500));
        return side == Side::buy ? touch - 1 - away : touch + away;
    };
    const auto make = [&] {
        Exchange exchange = reserved(live + count);
        Random random;
        for (std::size_t i = 0; i < live; ++i) {
            const Side side = random.below(2) == 0 ? Side::buy : Side::sell;
            exchange.submit_limit(side, price_of(random, side), 10);
        }
        return exchange;
    };
    std::vector<Operation> operations;
    {
        Exchange exchange = make();
        Random random(3);
        std::vector<OrderId> ids(live);
        for (std::size_t i = 0; i < live; ++i) ids[i] = i + 1;
        while (operations.size() < count) {
            const auto die = random.below(100);
            const Side side = random.below(2) == 0 ? Side::buy : Side::sell;
            if (die < 45) {
                const Price price = price_of(random, side);
                operations.push_back({EventKind::submit_limit, side, price, 10, 0});
                const SubmitResult result = exchange.submit_limit(side, price, 10);
                if (result.resting > 0) ids.push_back(result.order_id);
            } else if (die < 90) {
                OrderId id = 0;
                do {
                    auto& any = ids[random.below(ids.size())];
                    id = std::exchange(any, ids.back());
                    ids.pop_back();
                } while (exchange.get_order(id)->remaining == 0);
                operations.push_back({EventKind::cancel, side, 0, 0, id});
                exchange.cancel(id);
            } else {
                operations.push_back({EventKind::submit_market, side, 0, 10, 0});
                exchange.submit_market(side, 10);
            }
        }
    }
    measure(state, count, make, [&](Exchange& exchange) { perform(exchange, operations); });
}
BENCHMARK(mixed)->UseManualTime();

// The shape of a LOBSTER file of one busy stock: half of the messages are orders, most of them near a touch that moves,
// some inside the spread; nearly as many are deletions, mostly of young orders; 1 % are partial cancellations, 7 % take
// a round lot or a few. About a thousand orders live.
void lobster_like(benchmark::State& state) {
    constexpr std::size_t live = 1000;
    constexpr std::size_t count = 100'000;
    const auto make = [] {
        Exchange exchange = reserved(live + count);
        for (std::size_t i = 0; i < live / 2; ++i) {
            exchange.submit_limit(Side::buy, touch - 1 - static_cast<Price>(i % 100), 100);
            exchange.submit_limit(Side::sell, touch + static_cast<Price>(i % 100), 100);
        }
        return exchange;
    };
    std::vector<Operation> operations;
    {
        Exchange exchange = make();
        Random random;
        std::vector<OrderId> ids(live);  // by age
        for (std::size_t i = 0; i < live; ++i) ids[i] = i + 1;
        const auto young = [&] {
            const std::size_t age = random.below(4) == 0 ? random.below(ids.size()) : random.below(50);
            return ids.end() - 1 - static_cast<std::ptrdiff_t>(std::min(age, ids.size() - 1));
        };
        while (operations.size() < count) {
            const auto die = random.below(100);
            const Side side = random.below(2) == 0 ? Side::buy : Side::sell;
            const Quantity lots = 100 * (random.below(4) == 0 ? 1 + random.below(5) : 1);
            if (die < 50 || ids.size() < live / 2) {
                const bool buys = side == Side::buy;
                const Price other = (buys ? exchange.best_ask() : exchange.best_bid()).value_or(touch);
                const Price own = (buys ? exchange.best_bid() : exchange.best_ask()).value_or(other);
                // Ever rarer farther away; one in sixteen improves the best price where there is room.
                Price away = random.below(16) == 0 ? -1 : 0;
                while (away >= 0 && away < 100 && random.below(4) != 0) ++away;
                Price price = buys ? own - away : own + away;
                if (buys ? price >= other : price <= other) price = buys ? other - 1 : other + 1;
                operations.push_back({EventKind::submit_limit, side, price, lots, 0});
                ids.push_back(exchange.submit_limit(side, price, lots).order_id);
            } else if (die < 93) {
                const auto any = young();
                const auto order = exchange.get_order(*any);
                if (order->remaining == 0) {
                    ids.erase(any);
                } else if (die == 92) {
                    operations.push_back({EventKind::reduce, side, 0, order->remaining / 2, *any});
                    exchange.reduce(*any, order->remaining / 2);
                } else {
                    operations.push_back({EventKind::cancel, side, 0, 0, *any});
                    exchange.cancel(*any);
                    ids.erase(any);
                }
            } else {
                operations.push_back({EventKind::submit_market, side, 0, lots, 0});
                exchange.submit_market(side, lots);
            }
        }
    }
    measure(state, count, make, [&](Exchange& exchange) { perform(exchange, operations); });
}
BENCHMARK(lobster_like)->UseManualTime();

// ---------------------------------------------------------------------- memory

// Not a time: bytes taken from the system for each of 100,000 orders on 1,000 levels, the log off; they rest, ...
void bytes_per_resting_order(benchmark::State& state) {
    constexpr std::size_t orders = 100'000;
    double each = 0;
    for (auto _ : state) {
        Exchange exchange;
        exchange.log().enable(false);
        rest_bids(exchange, orders, 1000);
        each = static_cast<double>(exchange.order_memory()) / orders;
    }
    state.counters["bytes"] = each;
}
BENCHMARK(bytes_per_resting_order)->Iterations(1);

// ... or each was cancelled before the next came, and all that is left of it is what get_order gives.
void bytes_per_finished_order(benchmark::State& state) {
    constexpr std::size_t orders = 100'000;
    double each = 0;
    for (auto _ : state) {
        Exchange exchange;
        exchange.log().enable(false);
        for (const Price price : bid_prices(orders, 1000)) {
            exchange.cancel(exchange.submit_limit(Side::buy, price, 10).order_id);
        }
        each = static_cast<double>(exchange.order_memory()) / orders;
    }
    state.counters["bytes"] = each;
}
BENCHMARK(bytes_per_finished_order)->Iterations(1);

}  // namespace

// One strategy with many parameter sets over the same prices.
//
//     const auto grid = SweepGrid::product({{SweepKey::rebalance_every, {1, 5, 21}}, {SweepKey::cost_bps, {0, 5,
//     10}}}); const SweepResult result = sweep_equal_weight(prices, grid, {.initial_cash = 1'000'000'00});
//     result.rows[3].metrics.sharpe
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <thread>
#include <tuple>
#include <utility>
#include <vector>

#include <nanobook/core/types.hpp>
#include <nanobook/detail/lanes.hpp>
#include <nanobook/detail/simd.hpp>
#include <nanobook/portfolio/backtest.hpp>
#include <nanobook/portfolio/cost_model.hpp>
#include <nanobook/portfolio/equal_weight.hpp>
#include <nanobook/portfolio/metrics.hpp>
#include <nanobook/portfolio/prices.hpp>
#include <nanobook/portfolio/selection.hpp>
#include <nanobook/portfolio/sweep_grid.hpp>

namespace nanobook {

struct SweepOptions {
    Price initial_cash = 0;
    ParameterSet base = {};  ///< what the grid leaves as it is
    MetricsOptions metrics = {};
    unsigned threads = 0;                  ///< 0: as many as there are cores, where it is worth it
    std::vector<std::size_t> curves = {};  ///< the sets whose equity curves are kept
    std::optional<SimdLevel> simd = {};    ///< none: the best there is, or what NANOBOOK_SIMD says
    /// Told now and then, by the calling thread, how many sets of how many are done; false cancels the rest.
    std::function<bool(std::size_t, std::size_t)> progress = {};
};

struct SweepResult {
    std::vector<RunSummary> rows;  ///< by the number of the set; what was not run is `cancelled`
    std::map<std::size_t, std::vector<Price>> curves;
};

/// The whole backtest of one set, to the same cents as its row in a sweep.
[[nodiscard]] inline BacktestResult run_equal_weight(const PriceBlock& prices, const ParameterSet& parameters,
                                                     Price initial_cash, const MetricsOptions& metrics) {
    const BacktestOptions options{initial_cash, parameters.costs, std::max(1.0, parameters.rules.leverage),
                                  parameters.execution_lag, metrics};
    return run_backtest(EqualWeight(parameters.rules, prices), prices, options);
}

namespace detail {

class EqualWeightSweep {
  public:
    EqualWeightSweep(const PriceBlock& prices, const SweepGrid& grid, const SweepOptions& options)
        : prices_(prices),
          grid_(grid),
          options_(options),
          level_(options.simd ? *options.simd : best_simd_level()),
          wants_curve_(grid.size(), false),
          weights_(grid.size()) {
        options.metrics.check();
        // What a portfolio would refuse is refused here.
        std::ignore = Portfolio(options.initial_cash);
        for (const std::size_t set : options.curves) {
            if (set >= grid.size()) {
                throw std::invalid_argument("there is no parameter set " + std::to_string(set) + "; there are " +
                                            std::to_string(grid.size()));
            }
            wants_curve_[set] = true;
            result_.curves[set];
        }
        result_.rows.resize(grid.size());
        sort_into_groups();
        split_into_jobs();
        if (has_lanes_) make_market();
    }

    SweepResult run() {
        const unsigned threads = count_threads();
        std::vector<std::thread> helpers;
        try {
            for (unsigned i = 1; i < threads; ++i) {
                count_helpers(1);
                helpers.emplace_back([this] {
                    Worker worker{false};
                    work(worker);
                    count_helpers(-1);
                });
            }
        } catch (const std::system_error&) {
            // As many as the system has.
            count_helpers(-1);
        }
        Worker worker{true};
        work(worker);
        wait_for_helpers();
        for (std::thread& helper : helpers) helper.join();
        if (error_) std::rethrow_exception(error_);
        return std::move(result_);
    }

  private:
    using Clock = std::chrono::steady_clock;
    static constexpr auto poll_interval = std::chrono::milliseconds(10);
    // A thread costs about as much as this many prices times sets.
    static constexpr double few_cells = 3e6;

    /// One for all groups of a lookback and a skip, made by the first that needs it, gone with the last.
    struct SharedRanking {
        std::once_flag is_made;
        std::shared_ptr<const Ranking> ranking;
        std::atomic<std::size_t> groups_left{0};
    };

    /// Sets that trade on the same bars in the same symbols; of them, those for lanes come first.
    struct Group {
        ParameterSet example;
        bool in_lanes;
        SharedRanking* ranking;  // null: its symbols are not ranked
        std::vector<std::uint32_t> sets = {};
        std::once_flag is_planned = {};
        LanePlan plan = {};
        std::vector<std::uint8_t> targets = {};
        std::atomic<std::size_t> jobs_left{0};
    };
    struct Job {
        Group* group;
        std::span<const std::uint32_t> sets;
    };
    struct Worker {
        bool is_caller;
        EqualWeightSweep* sweep = nullptr;
        std::size_t memory_for = 0;
        AlignedDoubles memory = {};
    };

    static bool takes_lanes(const ParameterSet& set, const PriceBlock& prices) noexcept {
        // Above that, a price with its slippage in millionths is no exact double.
        constexpr double highest = 0x1p52 / (2.0 * CostModel::unit);
        return !set.rules.has_stops() && set.rules.no_trade_band() == 0 && !prices.has_gaps() &&
               prices.bound() < highest && static_cast<double>(set.costs.min_trade_fee()) < 0x1p50;
    }

    void sort_into_groups() {
        using Key = std::tuple<bool, Schedule, SelectionRules, std::uint32_t>;
        std::map<Key, Group*> found;
        for (std::size_t set = 0; set < grid_.size(); ++set) {
            if (set % 4096 == 0) {
                poll_when_due();
                if (is_cancelled_) return;
            }
            const ParameterSet parameters = grid_.at(set, options_.base);
            const bool in_lanes = level_ != SimdLevel::scalar && takes_lanes(parameters, prices_);
            has_lanes_ |= in_lanes;
            Group*& group =
                found[{in_lanes, parameters.rules.schedule, parameters.rules.selection, parameters.execution_lag}];
            if (group == nullptr) {
                SharedRanking* ranking = nullptr;
                const SelectionRules& rules = parameters.rules.selection;
                if (rules.lookback != 0) {
                    ranking = &rankings_[{rules.lookback, rules.skip}];
                    ++ranking->groups_left;
                }
                groups_.push_back(std::unique_ptr<Group>(new Group{parameters, in_lanes, ranking}));
                group = groups_.back().get();
                // Refused here where there are no dates for it.
                std::ignore = rebalance_bars(parameters.rules.schedule, prices_);
            }
            group->sets.push_back(static_cast<std::uint32_t>(set));
            weights_[set] = parameters.rules.weight(1);
        }
        // What shares a ranking stands together, so that few are there at a time.
        std::ranges::stable_sort(groups_, {}, [](const auto& group) { return group->ranking; });
        // Those that invest most run out of cash: side by side, they leave the others alone.
        for (const auto& group : groups_) {
            std::ranges::stable_sort(group->sets, [&](auto a, auto b) { return weights_[a] > weights_[b]; });
        }
    }

    void split_into_jobs() {
        const std::size_t wide = lanes_of(level_, true);
        const std::size_t narrow = lanes_of(level_, false);
        for (const std::unique_ptr<Group>& each : groups_) {
            Group& group = *each;
            std::span<const std::uint32_t> sets(group.sets);
            while (!sets.empty()) {
                std::size_t size = 1;
                if (group.in_lanes) size = sets.size() > 2 * narrow ? wide : narrow;
                size = std::min(size, sets.size());
                jobs_.push_back({&group, sets.first(size)});
                sets = sets.subspan(size);
                ++group.jobs_left;
            }
        }
    }

    void make_market() {
        const std::size_t size = prices_.bars() * prices_.symbols().size();
        price_memory_ = AlignedDoubles(2 * size);
        double* const values = price_memory_.get();
        double* const reciprocals = values + size;
        const Price* const marks = prices_.row(0).data();
        for (std::size_t i = 0; i < size; ++i) values[i] = static_cast<double>(marks[i]);
        for (std::size_t i = 0; i < size; ++i) reciprocals[i] = 1.0 / values[i];
        market_ = {prices_.bars(), prices_.symbols().size(), values, reciprocals};
    }

    [[nodiscard]] unsigned count_threads() const noexcept {
        unsigned threads = options_.threads;
        if (threads == 0) {
            const double cells = static_cast<double>(grid_.size()) * static_cast<double>(prices_.bars()) *
                                 static_cast<double>(prices_.symbols().size());
            threads = cells < few_cells ? 1 : std::max(1u, std::thread::hardware_concurrency());
        }
        return static_cast<unsigned>(std::min<std::size_t>(threads, std::max<std::size_t>(1, jobs_.size())));
    }

    // ---- threads

    void work(Worker& worker) {
        worker.sweep = this;
        try {
            for (;;) {
                const std::size_t next = next_job_.fetch_add(1, std::memory_order_relaxed);
                if (next >= jobs_.size()) break;
                Job& job = jobs_[next];
                if (!(job.group->in_lanes ? run_lanes_of(worker, job) : run_one(worker, *job.group, job.sets.front())))
                    break;
                done_.fetch_add(job.sets.size(), std::memory_order_relaxed);
                if (--job.group->jobs_left == 0) release(*job.group);
                if (!goes_on(worker)) break;
            }
        } catch (...) {
            const std::lock_guard lock(mutex_);
            if (!error_) error_ = std::current_exception();
            is_cancelled_.store(true, std::memory_order_relaxed);
        }
    }

    static void release(Group& group) {
        group.plan.steps = {};
        group.targets = {};
        if (group.ranking != nullptr && --group.ranking->groups_left == 0) group.ranking->ranking.reset();
    }

    std::shared_ptr<const Ranking> ranking_of(const Group& group) const {
        if (group.ranking == nullptr) return nullptr;
        const SelectionRules& rules = group.example.rules.selection;
        std::call_once(group.ranking->is_made, [&] {
            group.ranking->ranking = std::make_shared<const Ranking>(prices_, rules.lookback, rules.skip);
        });
        return group.ranking->ranking;
    }

    void count_helpers(int change) {
        const std::lock_guard lock(mutex_);
        helpers_ += change;
        changed_.notify_one();
    }

    void wait_for_helpers() {
        std::unique_lock lock(mutex_);
        while (!changed_.wait_for(lock, poll_interval, [this] { return helpers_ == 0; })) {
            lock.unlock();
            poll_guarded();
            lock.lock();
        }
    }

    // Called often: between jobs, and every few bars.
    bool goes_on(const Worker& worker) {
        if (worker.is_caller) poll_when_due();
        return !is_cancelled_.load(std::memory_order_relaxed);
    }

    void poll_when_due() {
        if (options_.progress && Clock::now() - last_poll_ >= poll_interval) poll();
    }

    void poll() {
        last_poll_ = Clock::now();
        if (options_.progress && !options_.progress(done_.load(std::memory_order_relaxed), grid_.size())) {
            is_cancelled_.store(true, std::memory_order_relaxed);
        }
    }

    void poll_guarded() {
        try {
            poll();
        } catch (...) {
            const std::lock_guard lock(mutex_);
            if (!error_) error_ = std::current_exception();
            is_cancelled_.store(true, std::memory_order_relaxed);
        }
    }

    // ---- one set, exactly

    bool run_one(Worker& worker, const Group& group, std::size_t set) {
        const ParameterSet parameters = grid_.at(set, options_.base);
        const BacktestOptions options{options_.initial_cash, parameters.costs, std::max(1.0, parameters.rules.leverage),
                                      parameters.execution_lag, options_.metrics};
        BacktestResult result =
            run_backtest(EqualWeight(parameters.rules, prices_, ranking_of(group)), prices_, options, Record::summary,
                         [&](std::size_t bar) { return bar % 64 != 0 || goes_on(worker); });
        if (result.summary.status == RunStatus::cancelled) return false;
        result_.rows[set] = result.summary;
        if (wants_curve_[set]) result_.curves.find(set)->second = std::move(result.curve);
        return true;
    }

    // ---- many at once

    void make_plan(Group& group) const {
        const std::size_t width = prices_.symbols().size();
        const ParameterSet& example = group.example;
        const std::shared_ptr<const Ranking> ranking = ranking_of(group);
        const auto is_scheduled = rebalance_bars(example.rules.schedule, prices_);
        const auto steps = static_cast<std::size_t>(std::ranges::count(is_scheduled, 1));
        const bool takes_all = ranking == nullptr && !prices_.has_nulls() && example.rules.selection.min_price == 0 &&
                               example.rules.selection.min_history <= 1;
        if (!takes_all) group.targets.assign(steps * width, 0);
        group.plan.steps.reserve(steps);
        for (std::size_t bar = 0; bar + example.execution_lag < prices_.bars(); ++bar) {
            if (is_scheduled[bar] == 0) continue;
            LanePlan::Step step{bar + example.execution_lag, width, nullptr, false};
            if (!takes_all) {
                std::uint8_t* const is_target = group.targets.data() + group.plan.steps.size() * width;
                step.n_targets = 0;
                select(example.rules.selection, ranking.get(), prices_, bar, {}, [&](std::uint32_t symbol) {
                    is_target[symbol] = 1;
                    ++step.n_targets;
                });
                step.is_target = is_target;
            }
            if (!group.plan.steps.empty()) step.repeats = repeats(group.plan.steps.back(), step);
            group.plan.steps.push_back(step);
        }
    }

    // As Portfolio::repeats_the_last, for positions that are all of symbols that were targets.
    [[nodiscard]] bool repeats(const LanePlan::Step& before, const LanePlan::Step& now) const noexcept {
        const auto then = prices_.row(before.bar);
        const auto row = prices_.row(now.bar);
        for (std::size_t symbol = 0; symbol < row.size(); ++symbol) {
            const bool was_target = before.is_target == nullptr || before.is_target[symbol] != 0;
            const bool is_target = now.is_target == nullptr || now.is_target[symbol] != 0;
            if (was_target != is_target || (is_target && then[symbol] != row[symbol])) return false;
        }
        return true;
    }

    bool run_lanes_of(Worker& worker, Job& job) {
        Group& group = *job.group;
        std::call_once(group.is_planned, [&] { make_plan(group); });

        const bool wide = job.sets.size() > lanes_of(level_, false);
        const std::size_t lanes = lanes_of(level_, wide);
        const std::size_t changes = prices_.bars() - 1;
        std::size_t tail = tail_size(changes);
        const bool keeps_returns = tail > longest_tail;
        if (keeps_returns) tail = 0;
        const bool keeps_curve = std::ranges::any_of(job.sets, [&](std::uint32_t set) { return wants_curve_[set]; });

        const std::size_t rows = std::size_t{LaneBlock::n_inputs} + LaneBlock::n_outputs + 2 * market_.symbols + tail +
                                 (keeps_returns ? changes : 0) + (keeps_curve ? prices_.bars() : 0);
        if (worker.memory_for < rows * lanes) {
            worker.memory = AlignedDoubles(rows * lanes);
            worker.memory_for = rows * lanes;
        }
        double* memory = worker.memory.get();
        const auto take = [&](std::size_t n) { return std::exchange(memory, memory + n * lanes); };
        LaneBlock block{};
        block.initial_cash = static_cast<double>(options_.initial_cash);
        block.risk_free = options_.metrics.risk_free;
        block.lanes = lanes;
        block.tail_size = tail;
        block.inputs = take(LaneBlock::n_inputs);
        block.outputs = take(LaneBlock::n_outputs);
        block.held = take(market_.symbols);
        block.shares = take(market_.symbols);
        block.tails = take(tail);
        if (keeps_returns) block.returns = take(changes);
        if (keeps_curve) block.curve = take(prices_.bars());
        block.goes_on = [](void* context) {
            const Worker& self = *static_cast<Worker*>(context);
            return self.sweep->goes_on(self);
        };
        block.context = &worker;

        // Lanes without a set of their own do as the last one does.
        for (std::size_t lane = 0; lane < lanes; ++lane) {
            const ParameterSet set = grid_.at(job.sets[std::min(lane, job.sets.size() - 1)], options_.base);
            const auto put = [&](LaneBlock::Input input, double value) { block.inputs[input * lanes + lane] = value; };
            put(LaneBlock::commission, static_cast<double>(set.costs.commission_rate()));
            put(LaneBlock::slippage, static_cast<double>(set.costs.slippage_rate()));
            put(LaneBlock::min_trade_fee, static_cast<double>(set.costs.min_trade_fee()));
            put(LaneBlock::weight, set.rules.weight(1));
            put(LaneBlock::borrowing, std::max(0.0, set.rules.leverage - 1));
            block.has_least_fees |= set.costs.min_trade_fee() != 0;
            block.has_fees |= set.costs.commission_rate() != 0 || set.costs.min_trade_fee() != 0;
            block.has_slippage |= set.costs.slippage_rate() != 0;
        }
        if (!run_lanes(level_, market_, group.plan, block)) return false;

        for (std::size_t lane = 0; lane < job.sets.size(); ++lane) {
            const std::size_t set = job.sets[lane];
            if (!is_exact(block, lane)) {
                if (!run_one(worker, group, set)) return false;
                continue;
            }
            result_.rows[set] = summary_of(block, lane, group.plan.steps.size());
            if (!wants_curve_[set]) continue;
            std::vector<Price>& curve = result_.curves.find(set)->second;
            curve.resize(prices_.bars());
            for (std::size_t bar = 0; bar < curve.size(); ++bar) {
                curve[bar] = static_cast<Price>(block.curve[bar * lanes + lane]);
            }
        }
        return true;
    }

    static double output(const LaneBlock& block, LaneBlock::Output output, std::size_t lane) noexcept {
        return block.outputs[output * block.lanes + lane];
    }

    [[nodiscard]] static bool is_exact(const LaneBlock& block, std::size_t lane) noexcept {
        const auto input = [&](LaneBlock::Input which) { return block.inputs[which * block.lanes + lane]; };
        // No order comes to more, slippage included, and no position.
        const double most = output(block, LaneBlock::highest, lane) * (1 + input(LaneBlock::borrowing)) * 2;
        return output(block, LaneBlock::overdrawn, lane) == 0 && output(block, LaneBlock::lowest, lane) > 0 &&
               most < 0x1p50 && most * input(LaneBlock::commission) < 0x1p52;
    }

    [[nodiscard]] RunSummary summary_of(const LaneBlock& block, std::size_t lane, std::size_t steps) const {
        const auto get = [&](LaneBlock::Output what) { return output(block, what, lane); };
        const std::size_t changes = prices_.bars() - 1;
        double tail = get(LaneBlock::tail);
        if (block.returns != nullptr) {
            std::vector<double> returns(changes);
            for (std::size_t i = 0; i < changes; ++i) returns[i] = block.returns[i * block.lanes + lane];
            tail = tail_mean(returns);
        }
        ReturnStatistics<double> sums;
        sums.mean = get(LaneBlock::mean);
        sums.squares = get(LaneBlock::squares);
        sums.downside = get(LaneBlock::downside);
        sums.gains = get(LaneBlock::gains);
        sums.losses = get(LaneBlock::losses);
        sums.winning = get(LaneBlock::winning);
        sums.losing = get(LaneBlock::losing);

        RunSummary summary;
        summary.final_equity = static_cast<Price>(get(LaneBlock::equity));
        summary.final_cash = static_cast<Price>(get(LaneBlock::cash));
        summary.min_cash = static_cast<Price>(get(LaneBlock::min_cash));
        summary.fees = static_cast<Price>(get(LaneBlock::fees));
        summary.turnover = get(LaneBlock::turnover);
        summary.n_orders = static_cast<std::uint64_t>(get(LaneBlock::orders));
        summary.n_resized = static_cast<std::uint64_t>(get(LaneBlock::resized));
        summary.n_rebalances = steps;
        summary.n_bars = prices_.bars();
        summary.status = RunStatus::ok;
        // The curve of a single bar has no return.
        const double wealth = changes == 0 ? 1.0 : get(LaneBlock::equity) / block.initial_cash;
        summary.metrics = conclude(sums, changes, wealth, get(LaneBlock::trough), tail, options_.metrics);
        return summary;
    }

    const PriceBlock& prices_;
    const SweepGrid& grid_;
    const SweepOptions& options_;
    SimdLevel level_;
    std::vector<bool> wants_curve_;
    std::vector<double> weights_;                                                // by set
    std::map<std::pair<std::uint32_t, std::uint32_t>, SharedRanking> rankings_;  // by lookback and skip
    std::vector<std::unique_ptr<Group>> groups_;
    bool has_lanes_ = false;
    std::vector<Job> jobs_;
    AlignedDoubles price_memory_;
    LaneMarket market_{};
    SweepResult result_;

    std::atomic<std::size_t> next_job_{0};
    std::atomic<std::size_t> done_{0};
    std::atomic<bool> is_cancelled_{false};
    Clock::time_point last_poll_ = Clock::now();
    std::mutex mutex_;  // for what follows
    std::condition_variable changed_;
    int helpers_ = 0;  // at work
    std::exception_ptr error_;
};

}  // namespace detail

/// Runs every set of the grid, on several threads where that is worth it. The rows do not depend on the number of
/// threads, on the processor, nor on the order of sets and symbols. Throws std::invalid_argument for a set that makes
/// no sense, before any is run, and std::overflow_error where money does not fit 64 bits.
[[nodiscard]] inline SweepResult sweep_equal_weight(const PriceBlock& prices, const SweepGrid& grid,
                                                    const SweepOptions& options) {
    return detail::EqualWeightSweep(prices, grid, options).run();
}

}  // namespace nanobook

// The books of a stream, kept by several threads.
#pragma once

#include <algorithm>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <mutex>
#include <span>
#include <stdexcept>
#include <thread>
#include <utility>
#include <vector>

#include <nanobook/itch/observer.hpp>
#include <nanobook/itch/partition.hpp>
#include <nanobook/itch/replay.hpp>
#include <nanobook/itch/report.hpp>

namespace nanobook::itch {

/// As many replays as threads, each of the books of some locates. All of them pass over all the bytes: to find where
/// messages begin is a hundredth of the work.
///
/// Together they know what one replay of everything does, unless `is_in_doubt()`: then a message may have concerned
/// books of two of them, which only sound streams are free of, or a strict replay has found something odd; begin anew
/// with one Replay.
template <class Observer = NoObserver>
class ParallelReplay {
  public:
    /// Of all symbols. Each has a copy of the observer. Throws std::invalid_argument where threads are 0, or symbols
    /// are chosen: an order of another symbol would make doubt.
    ParallelReplay(std::size_t threads, const ReplayOptions& options, const Observer& observer)
        : is_strict_(options.strict) {
        if (threads == 0) throw std::invalid_argument("a parallel replay has 0 threads; it needs at least 1");
        if (!options.symbols.empty()) throw std::invalid_argument("a parallel replay is one of all symbols, not some");
        ReplayOptions own = options;
        own.part.count = static_cast<std::uint32_t>(threads);
        for (own.part.index = 0; own.part.index < threads; ++own.part.index) {
            replays_.push_back(std::make_unique<Replay<Observer>>(own, observer));
        }
        try {
            for (auto& replay : replays_) threads_.emplace_back([this, &replay] { work(*replay); });
        } catch (...) {
            stop();
            throw;
        }
    }
    ParallelReplay(const ParallelReplay&) = delete;
    ParallelReplay& operator=(const ParallelReplay&) = delete;
    ~ParallelReplay() { stop(); }

    /// Begins with the next bytes of the stream, cut anywhere. They must stay where they are until `wait` returns, and
    /// nothing else of this may be called before.
    void start(std::span<const std::byte> bytes) {
        const std::lock_guard held(mutex_);
        bytes_ = bytes;
        working_ = replays_.size();
        ++round_;
        begun_.notify_all();
    }

    /// Returns when they are replayed; false once the replay has stopped. Throws what an observer threw.
    bool wait() {
        std::unique_lock held(mutex_);
        done_.wait(held, [this] { return working_ == 0; });
        if (error_) std::rethrow_exception(std::exchange(error_, nullptr));
        for (const auto& replay : replays_) {
            for (const std::uint64_t match : replay->take_breaks()) {
                is_in_doubt_ |= std::ranges::any_of(
                    replays_, [&](const auto& other) { return other != replay && other->has_printed(match); });
            }
            is_in_doubt_ |= replay->is_in_doubt() || (is_strict_ && replay->report().first());
        }
        return is_going_;
    }

    /// There are no more bytes.
    void finish() {
        for (const auto& replay : replays_) replay->finish();
        is_in_doubt_ |= is_strict_ && report().first();
    }

    [[nodiscard]] bool is_in_doubt() const noexcept { return is_in_doubt_; }

    [[nodiscard]] Report report() const {
        Report report = replays_.front()->report();
        for (std::size_t i = 1; i < replays_.size(); ++i) report.add_of_part(replays_[i]->report());
        return report;
    }

    [[nodiscard]] std::size_t size() const noexcept { return replays_.size(); }
    [[nodiscard]] Replay<Observer>& operator[](std::size_t part) noexcept { return *replays_[part]; }

  private:
    void work(Replay<Observer>& replay) {
        for (std::uint64_t round = 1;; ++round) {
            std::unique_lock held(mutex_);
            begun_.wait(held, [&] { return round_ >= round || is_over_; });
            if (is_over_) return;
            const auto bytes = bytes_;
            held.unlock();
            bool going = false;
            std::exception_ptr error;
            try {
                going = replay.feed(bytes);
            } catch (...) {
                error = std::current_exception();
            }
            held.lock();
            if (error) error_ = error;
            is_going_ = is_going_ && going;
            if (--working_ == 0) done_.notify_one();
        }
    }

    void stop() noexcept {
        {
            const std::lock_guard held(mutex_);
            is_over_ = true;
        }
        begun_.notify_all();
        for (std::thread& thread : threads_) thread.join();
    }

    bool is_strict_;
    bool is_in_doubt_ = false;
    std::vector<std::unique_ptr<Replay<Observer>>> replays_;

    std::mutex mutex_;  // for all that follows
    std::condition_variable begun_;
    std::condition_variable done_;
    std::span<const std::byte> bytes_;
    std::uint64_t round_ = 0;  // of bytes
    std::size_t working_ = 0;  // replays that are not done with them
    bool is_going_ = true;
    bool is_over_ = false;
    std::exception_ptr error_;

    std::vector<std::thread> threads_;
};

}  // namespace nanobook::itch

// The books of a stream, kept by several threads.
#pragma once

#include <algorithm>
#include <array>
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
template <class Observer = NoObserver, bool Queues = true>
class ParallelReplay {
  public:
    /// Pieces of the stream that may be at work at once: who is done with one goes on with the next.
    static constexpr std::size_t most_pieces = 2;

    /// Of all symbols. Each has a copy of the observer. Throws std::invalid_argument where threads are 0, or symbols
    /// are chosen: an order of another symbol would make doubt.
    ParallelReplay(std::size_t threads, const ReplayOptions& options, const Observer& observer)
        : is_strict_(options.strict) {
        if (threads == 0) throw std::invalid_argument("a parallel replay has 0 threads; it needs at least 1");
        if (!options.symbols.empty()) throw std::invalid_argument("a parallel replay is one of all symbols, not some");
        ReplayOptions own = options;
        own.part.count = static_cast<std::uint32_t>(threads);
        for (own.part.index = 0; own.part.index < threads; ++own.part.index) {
            replays_.push_back(std::make_unique<OneReplay>(own, observer));
        }
        if constexpr (gives) made_.assign(threads, observer);
        for (Piece& piece : pieces_) {
            piece.made = made_;
            piece.breaks.resize(threads);
        }
        try {
            for (std::size_t part = 0; part < threads; ++part) {
                threads_.emplace_back([this, part] { work(part); });
            }
        } catch (...) {
            stop();
            throw;
        }
    }
    ParallelReplay(const ParallelReplay&) = delete;
    ParallelReplay& operator=(const ParallelReplay&) = delete;
    ~ParallelReplay() { stop(); }

    /// Begins with the next bytes of the stream, cut anywhere. They must stay where they are until a `wait` that is
    /// theirs returns, or this is gone. There must be fewer than `most_pieces` that are not waited for.
    void start(std::span<const std::byte> bytes) {
        const std::lock_guard held(mutex_);
        Piece& piece = pieces_[begun_++ % most_pieces];
        piece.bytes = bytes;
        piece.working = replays_.size();
        changed_.notify_all();
    }

    /// Pieces begun and not waited for.
    [[nodiscard]] std::size_t pieces() const noexcept { return begun_ - waited_; }

    /// Returns when the first piece that is not waited for, which there must be, is replayed; false once the replay has
    /// stopped. Throws what an observer threw.
    bool wait() {
        std::unique_lock held(mutex_);
        Piece& piece = pieces_[waited_ % most_pieces];
        changed_.wait(held, [&] { return piece.working == 0; });
        ++waited_;
        if (piece.error) std::rethrow_exception(std::exchange(piece.error, nullptr));
        is_in_doubt_ |= piece.is_in_doubt;
        is_going_ &= piece.is_going;
        std::swap(piece.made, made_);
        if (std::ranges::any_of(piece.breaks, [](const auto& breaks) { return !breaks.empty(); })) {
            // The others are asked: they have to pause.
            changed_.wait(held,
                          [&] { return std::ranges::all_of(pieces_, [](const Piece& p) { return p.working == 0; }); });
            for (std::size_t part = 0; part < size(); ++part) {
                for (const std::uint64_t match : std::exchange(piece.breaks[part], {})) {
                    for (std::size_t other = 0; other < size(); ++other) {
                        is_in_doubt_ |= other != part && replays_[other]->has_printed(match);
                    }
                }
            }
        }
        return is_going_;
    }

    /// What observers made of the piece that was waited for last, one each, where they have `give_to(Observer&)`. To be
    /// used up before the next `wait` or `finish`.
    [[nodiscard]] std::span<Observer> made() noexcept { return made_; }

    /// There are no more bytes, and no piece is left to wait for.
    void finish() {
        for (std::size_t part = 0; part < size(); ++part) {
            replays_[part]->finish();
            if constexpr (gives) replays_[part]->observer().give_to(made_[part]);
        }
        is_in_doubt_ |= is_strict_ && report().first();
    }

    [[nodiscard]] bool is_in_doubt() const noexcept { return is_in_doubt_; }

    /// While no piece is at work.
    [[nodiscard]] Report report() const {
        Report report = replays_.front()->report();
        for (std::size_t i = 1; i < size(); ++i) report.add_of_part(replays_[i]->report());
        return report;
    }

    [[nodiscard]] std::size_t size() const noexcept { return replays_.size(); }
    /// While no piece is at work.
    [[nodiscard]] Replay<Observer, Queues>& operator[](std::size_t part) noexcept { return *replays_[part]; }

  private:
    using OneReplay = Replay<Observer, Queues>;
    static constexpr bool gives = requires(Observer& observer) { observer.give_to(observer); };

    struct Piece {
        std::span<const std::byte> bytes;
        std::size_t working = 0;  // replays that are not done with it
        bool is_going = true;
        bool is_in_doubt = false;
        std::exception_ptr error;
        std::vector<Observer> made;                      // by part
        std::vector<std::vector<std::uint64_t>> breaks;  // match numbers, by part
    };

    void work(std::size_t part) {
        OneReplay& replay = *replays_[part];
        bool is_broken = false;  // where an observer threw, nothing more can come of it
        for (std::uint64_t number = 0;; ++number) {
            std::unique_lock held(mutex_);
            changed_.wait(held, [&] { return begun_ > number || is_over_; });
            if (is_over_) return;
            Piece& piece = pieces_[number % most_pieces];
            held.unlock();
            bool is_going = false;
            std::exception_ptr error;
            try {
                if (!is_broken) is_going = replay.feed(piece.bytes);
                piece.breaks[part] = replay.take_breaks();
                if constexpr (gives) replay.observer().give_to(piece.made[part]);
            } catch (...) {
                error = std::current_exception();
            }
            held.lock();
            is_broken |= error != nullptr;
            if (error) piece.error = error;
            piece.is_going &= is_going;
            piece.is_in_doubt |= replay.is_in_doubt() || (is_strict_ && replay.report().first());
            if (--piece.working == 0) changed_.notify_all();
        }
    }

    void stop() noexcept {
        {
            const std::lock_guard held(mutex_);
            is_over_ = true;
        }
        changed_.notify_all();
        for (std::thread& thread : threads_) thread.join();
    }

    bool is_strict_;
    bool is_in_doubt_ = false;
    bool is_going_ = true;
    std::vector<std::unique_ptr<OneReplay>> replays_;
    std::vector<Observer> made_;

    std::mutex mutex_;  // for all that follows
    std::condition_variable changed_;
    std::array<Piece, most_pieces> pieces_;
    std::uint64_t begun_ = 0;   // pieces
    std::uint64_t waited_ = 0;  // pieces waited for
    bool is_over_ = false;

    std::vector<std::thread> threads_;
};

}  // namespace nanobook::itch

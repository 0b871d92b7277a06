// Volume-weighted average prices of a NASDAQ day, and how often each book changed, from an observer of the replay.
//
//     replay_day [FILE]     without a file, a day is made up in memory
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <span>
#include <vector>

#include <nanobook/itch/mapped_file.hpp>
#include <nanobook/itch/replay.hpp>
#include <nanobook/itch/synthetic_day.hpp>

namespace itch = nanobook::itch;

namespace {

struct Activity {
    itch::Locate locate = 0;
    std::uint64_t shares = 0;
    double dollars = 0;
    std::uint64_t changes = 0;
};

/// Told of every print and every change of a book, after it is done.
class Tape {
  public:
    void on_print(const itch::Print& print) {
        if (!print.printable) return;  // a cross prints these shares again
        Activity& activity = of(print.locate);
        activity.shares += print.shares;
        activity.dollars += static_cast<double>(print.shares) * static_cast<double>(print.price) / 10'000;
    }

    void on_change(const itch::BookChange& change) { ++of(change.locate).changes; }

    [[nodiscard]] std::vector<Activity> busiest(std::size_t n) const {
        std::vector<Activity> sorted = activities_;
        std::sort(sorted.begin(), sorted.end(), [](const auto& a, const auto& b) { return a.shares > b.shares; });
        sorted.resize(std::min(n, sorted.size()));
        return sorted;
    }

  private:
    Activity& of(itch::Locate locate) {
        if (locate >= activities_.size()) activities_.resize(locate + std::size_t{1});
        activities_[locate].locate = locate;
        return activities_[locate];
    }

    std::vector<Activity> activities_;
};

void show(std::span<const std::byte> bytes) {
    itch::Replay<Tape> replay;
    replay.feed(bytes);  // all at once here; chunks cut anywhere will do
    replay.finish();

    std::printf("%llu messages\n", static_cast<unsigned long long>(replay.reader().messages()));
    for (const Activity& activity : replay.observer().busiest(5)) {
        if (activity.shares == 0) break;
        const auto symbol = replay.listings()[activity.locate].symbol.view();
        std::printf("%-8.*s %12llu shares at %.4f on average, %llu changes of its book\n",
                    static_cast<int>(symbol.size()), symbol.data(), static_cast<unsigned long long>(activity.shares),
                    activity.dollars / static_cast<double>(activity.shares),
                    static_cast<unsigned long long>(activity.changes));
    }
    if (const auto& odd = replay.report().first()) std::printf("first odd: %s\n", itch::describe(*odd).c_str());
}

}  // namespace

int main(int argc, char** argv) {
    try {
        if (argc > 1) {
            show(itch::MappedFile(argv[1]).bytes());
        } else {
            show(itch::synthetic_day({.messages = 300'000, .symbols = 100}));
        }
    } catch (const std::exception& error) {
        std::fprintf(stderr, "replay_day: %s\n", error.what());
        return 1;
    }
}

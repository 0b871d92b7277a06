// Where each live order of a feed rests, by its reference.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include <nanobook/book/level.hpp>
#include <nanobook/detail/memory.hpp>

namespace nanobook::itch {

/// A live order: its level, and what is left of it.
struct OrderSlot {
    LevelId level;
    std::uint32_t shares;
};
static_assert(sizeof(OrderSlot) == 8);

/// The old orders, and those of scattered references: open addressing with linear probing, at most half full.
class OrderTable {
  public:
    OrderTable() = default;
    OrderTable(OrderTable&& other) noexcept { swap(other); }
    OrderTable& operator=(OrderTable&& other) noexcept {
        swap(other);
        return *this;
    }
    ~OrderTable() {
        if (entries_ != nullptr) detail::free_block(entries_, capacity_ * sizeof(Entry));
    }

    [[nodiscard]] std::size_t size() const noexcept { return size_; }

    [[nodiscard]] OrderSlot* find(std::uint64_t ref) noexcept {
        if (size_ == 0) return nullptr;
        Entry& entry = entries_[position(ref)];
        return entry.slot.level != no_level ? &entry.slot : nullptr;
    }

    /// An empty slot for `ref`, to be filled at once; null where it is there already. Good until the next change.
    OrderSlot* claim(std::uint64_t ref) {
        if (2 * (size_ + 1) > capacity_) grow();
        Entry& entry = entries_[position(ref)];
        if (entry.slot.level != no_level) return nullptr;
        entry.ref = ref;
        ++size_;
        return &entry.slot;
    }

    void erase(OrderSlot* slot) noexcept {
        // Move back what had to make way for it, so that no probe ends too early.
        const auto offset = reinterpret_cast<const std::byte*>(slot) - reinterpret_cast<const std::byte*>(entries_);
        std::size_t hole = static_cast<std::size_t>(offset) / sizeof(Entry);
        const std::size_t mask = capacity_ - 1;
        for (std::size_t at = (hole + 1) & mask; entries_[at].slot.level != no_level; at = (at + 1) & mask) {
            const std::size_t home = hash(entries_[at].ref);
            if (((at - home) & mask) >= ((at - hole) & mask)) {
                entries_[hole] = entries_[at];
                hole = at;
            }
        }
        entries_[hole].slot.level = no_level;
        --size_;
    }

    void prefetch(std::uint64_t ref) const noexcept {
        if (size_ != 0) detail::prefetch_early(&entries_[hash(ref)]);
    }

    void swap(OrderTable& other) noexcept {
        std::swap(entries_, other.entries_);
        std::swap(capacity_, other.capacity_);
        std::swap(size_, other.size_);
        std::swap(shift_, other.shift_);
    }

  private:
    struct Entry {
        std::uint64_t ref = 0;
        OrderSlot slot{no_level, 0};
    };

    // Every reference of a symbol is the same modulo 4: the high bits of a product spread what the low bits do not.
    [[nodiscard]] std::size_t hash(std::uint64_t ref) const noexcept {
        return static_cast<std::size_t>(ref * 0x9E3779B97F4A7C15u >> shift_);
    }

    [[nodiscard]] std::size_t position(std::uint64_t ref) const noexcept {
        const std::size_t mask = capacity_ - 1;
        std::size_t at = hash(ref);
        while (entries_[at].slot.level != no_level && entries_[at].ref != ref) at = (at + 1) & mask;
        return at;
    }

    void grow() {
        OrderTable larger;
        larger.capacity_ = std::max<std::size_t>(64, 2 * capacity_);
        larger.shift_ = 64 - std::countr_zero(larger.capacity_);
        larger.entries_ = static_cast<Entry*>(detail::allocate_block(larger.capacity_ * sizeof(Entry)));
        std::uninitialized_default_construct_n(larger.entries_, larger.capacity_);
        for (std::size_t i = 0; i < capacity_; ++i) {
            if (entries_[i].slot.level != no_level) larger.entries_[larger.position(entries_[i].ref)] = entries_[i];
        }
        larger.size_ = size_;
        swap(larger);
    }

    Entry* entries_ = nullptr;
    std::size_t capacity_ = 0;
    std::size_t size_ = 0;
    int shift_ = 0;
};

/// References ascend through the day, and most orders die young: the young ones stand in pages of consecutive
/// references, where neighbours share cache lines. An old page on which few are left is emptied into a hash table and
/// used again, so that memory follows the live orders and not the day. `PageSize` is a power of two; a page is young
/// until `Young` pages' worth of orders were inserted after it.
template <std::uint64_t PageSize = 8192, std::uint32_t Young = 256>
class BasicOrderIndex {
    static_assert(PageSize >= 16 && std::has_single_bit(PageSize));

    // Nasdaq's engines each count in steps of four, some faster than others. One engine's references stand together, so
    // that the orders it adds one after another share cache lines, and the page of a slower one is as young.
    static constexpr std::uint64_t engines = 4;

    struct Page {
        std::array<OrderSlot, PageSize> slots;

        [[nodiscard]] OrderSlot& operator[](std::uint64_t ref) noexcept { return slots[ref / engines % PageSize]; }
    };

    inline static Page no_page{};  // every slot empty, for good

    struct Sheet {
        Page* page = &no_page;
        std::uint32_t live = 0;
        std::uint32_t born : 31 = 0;
        std::uint32_t spilled : 1 = 0;  // some of its orders may stand in the table
    };

  public:
    using Key = std::uint64_t;

    /// A live order, or none. Good until the next claim or erase.
    class Order {
      public:
        Order() = default;
        explicit operator bool() const noexcept { return slot_ != nullptr; }
        OrderSlot& operator*() const noexcept { return *slot_; }
        OrderSlot* operator->() const noexcept { return slot_; }

      private:
        friend BasicOrderIndex;
        Order(OrderSlot* slot, Sheet* sheet) noexcept : slot_(slot), sheet_(sheet) {}

        OrderSlot* slot_ = nullptr;
        Sheet* sheet_ = nullptr;  // of whose page it is; null where it stands in the table
    };

    BasicOrderIndex() = default;
    /// Of several, each of which has its share of the orders: all together take no more memory than one.
    explicit BasicOrderIndex(std::uint32_t shares) noexcept : young_(std::max(1u, Young / shares)) {}
    BasicOrderIndex(BasicOrderIndex&& other) noexcept { swap(other); }
    BasicOrderIndex& operator=(BasicOrderIndex&& other) noexcept {
        swap(other);
        return *this;
    }
    ~BasicOrderIndex() {
        for (const auto& [slab, bytes] : slabs_) detail::free_block(slab, bytes);
    }

    [[nodiscard]] Order find(std::uint64_t ref) noexcept {
        const std::uint64_t number = sheet_of(ref);
        if (number < sheets_.size()) [[likely]] {
            Sheet& sheet = sheets_[number];
            OrderSlot& slot = (*sheet.page)[ref];
            if (slot.level != no_level) return {&slot, &sheet};
            if (!sheet.spilled) return {};
        }
        return {table_.find(ref), nullptr};
    }

    /// An empty slot for a new order, to be filled at once; null where an order of that reference is live.
    [[nodiscard]] OrderSlot* claim(std::uint64_t ref) {
        const std::uint64_t number = sheet_of(ref);
        Sheet* sheet = number < sheets_.size() ? &sheets_[number] : nullptr;
        if (sheet == nullptr || sheet->page == &no_page || sheet->spilled) [[unlikely]] {
            if (find(ref)) return nullptr;
            if (sheet == nullptr || sheet->page == &no_page) sheet = open_page(number);
        }
        if (sheet == nullptr) {
            (number < sheets_.size() ? sheets_[number] : beyond_).spilled = 1;
            ++live_;
            ++inserted_;
            return table_.claim(ref);
        }
        OrderSlot& slot = (*sheet->page)[ref];
        if (slot.level != no_level) return nullptr;
        ++live_;
        ++inserted_;
        ++sheet->live;
        return &slot;
    }

    /// The order must be live.
    void erase(Order order) {
        --live_;
        if (order.sheet_ == nullptr) [[unlikely]]
            return table_.erase(order.slot_);
        *order = {no_level, 0};
        Sheet& sheet = *order.sheet_;
        const bool old = inserted_ / PageSize - sheet.born > young_;
        --sheet.live;
        if (sheet.live == 0 || (old && sheet.live <= few)) retire(sheet);
    }

    /// Of a live order; no_level for none.
    [[nodiscard]] OrderSlot slot_of(std::uint64_t ref) const noexcept {
        const Order order = const_cast<BasicOrderIndex*>(this)->find(ref);
        return order ? *order : OrderSlot{no_level, 0};
    }
    [[nodiscard]] LevelId level_of(std::uint64_t ref) const noexcept {
        // Many are looked up in a row, live and dead: no branch tells these apart.
        const std::uint64_t number = sheet_of(ref);
        if (number < sheets_.size()) [[likely]] {
            const LevelId level = (*sheets_[number].page)[ref].level;
            if ((level | !sheets_[number].spilled) != 0) [[likely]]
                return level;
        }
        return slot_of(ref).level;
    }
    [[nodiscard]] Quantity quantity_of(std::uint64_t ref) const noexcept { return slot_of(ref).shares; }

    void prefetch(std::uint64_t ref) const noexcept {
        const std::uint64_t number = sheet_of(ref);
        if (number < sheets_.size() && sheets_[number].page != &no_page) [[likely]] {
            detail::prefetch_early(&(*sheets_[number].page)[ref]);
        } else {
            table_.prefetch(ref);
        }
    }

    /// Live orders.
    [[nodiscard]] std::uint64_t size() const noexcept { return live_; }

  private:
    static constexpr std::uint64_t most_sheets = 1u << 20;  // beyond these, 8.6e9, every order goes to the table
    static constexpr std::uint32_t few = PageSize / 16;     // below: the table takes less memory than the page

    static constexpr std::uint64_t sheet_of(std::uint64_t ref) noexcept {
        return ref / (engines * PageSize) * engines + ref % engines;
    }
    static constexpr std::uint64_t first_of(std::uint64_t sheet) noexcept {
        return sheet / engines * (engines * PageSize) + sheet % engines;
    }

    static constexpr std::size_t most_slab_pages = detail::huge_page / sizeof(Page);

    [[gnu::noinline]] Sheet* open_page(std::uint64_t number) {
        // Scattered references would cost a page each: no more pages than the live orders are worth, but for a few.
        if (number >= most_sheets || used_pages_ > std::size_t{2} * young_ + live_ / few) return nullptr;
        if (number >= sheets_.size()) {
            all_sheets_.resize(number + 1, beyond_);
            sheets_ = all_sheets_;
        }
        if (free_.empty()) add_slab();
        Sheet& sheet = sheets_[number];
        sheet.page = free_.back();
        sheet.born = static_cast<std::uint32_t>(inserted_ / PageSize) & 0x7fffffff;
        free_.pop_back();
        ++used_pages_;
        return &sheet;
    }

    // As many pages again as there are, up to a huge page full; zero is the empty slot.
    void add_slab() {
        const std::size_t count = std::clamp(pages_, std::size_t{1}, most_slab_pages);
        slabs_.reserve(slabs_.size() + 1);
        free_.reserve(pages_ + count);
        auto* const slab = static_cast<Page*>(detail::allocate_block(count * sizeof(Page)));
        slabs_.emplace_back(slab, count * sizeof(Page));
        for (std::size_t i = count; i-- > 0;) free_.push_back(::new (slab + i) Page{});
        pages_ += count;
    }

    [[gnu::noinline]] void retire(Sheet& sheet) {
        if (sheet.live > 0) sheet.spilled = 1;
        const auto number = static_cast<std::uint64_t>(&sheet - sheets_.data());
        for (std::uint64_t ref = first_of(number); sheet.live > 0; ref += engines) {
            OrderSlot& slot = (*sheet.page)[ref];
            if (slot.level == no_level) continue;
            *table_.claim(ref) = slot;
            slot = {no_level, 0};
            --sheet.live;
        }
        free_.push_back(sheet.page);
        sheet.page = &no_page;
        --used_pages_;
    }

    void swap(BasicOrderIndex& other) noexcept {
        std::swap(young_, other.young_);
        std::swap(all_sheets_, other.all_sheets_);
        std::swap(sheets_, other.sheets_);
        std::swap(beyond_, other.beyond_);
        std::swap(slabs_, other.slabs_);
        std::swap(free_, other.free_);
        table_.swap(other.table_);
        std::swap(pages_, other.pages_);
        std::swap(used_pages_, other.used_pages_);
        std::swap(live_, other.live_);
        std::swap(inserted_, other.inserted_);
    }

    std::uint32_t young_ = Young;  // pages' worth of orders
    std::vector<Sheet> all_sheets_;
    std::span<Sheet> sheets_;  // all of them: the size of a span is no difference of pointers
    Sheet beyond_;             // what is true of the sheets that are not there yet
    std::vector<std::pair<void*, std::size_t>> slabs_;
    std::vector<Page*> free_;  // every slot empty
    OrderTable table_;
    std::size_t pages_ = 0;
    std::size_t used_pages_ = 0;
    std::uint64_t live_ = 0;
    std::uint64_t inserted_ = 0;
};

using OrderIndex = BasicOrderIndex<>;

}  // namespace nanobook::itch

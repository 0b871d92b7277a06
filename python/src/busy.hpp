// Exchanges that a batch works on without the GIL: nobody else may touch them meanwhile.
#pragma once

#include <nanobind/nanobind.h>

#include <algorithm>
#include <stdexcept>
#include <vector>

#include <nanobook/exchange/exchange.hpp>
#include <nanobook/exchange/multi_exchange.hpp>

/// Read and written with the GIL.
class Busy {
  public:
    explicit Busy(const nanobook::Exchange& exchange) : exchange_(&exchange) {
        // Another may have begun while this one read its table.
        refuse(exchange_);
        exchanges_.push_back(exchange_);
    }
    Busy(const Busy&) = delete;
    Busy& operator=(const Busy&) = delete;
    ~Busy() { std::erase(exchanges_, exchange_); }

    /// RuntimeError where a batch works on it.
    static void refuse(const nanobook::Exchange* exchange) {
        if (!exchanges_.empty() && std::ranges::find(exchanges_, exchange) != exchanges_.end()) [[unlikely]]
            raise();
    }
    /// The same for any of several.
    static void refuse(const nanobook::MultiExchange* several) {
        for (const nanobook::Exchange* exchange : exchanges_) {
            if (several->find(exchange->options().symbol) == exchange) raise();
        }
    }

  private:
    [[noreturn]] static void raise() {
        throw std::runtime_error("the exchange is at work on a batch in another thread: wait for it to end");
    }

    static inline std::vector<const nanobook::Exchange*> exchanges_;
    const nanobook::Exchange* exchange_;
};

namespace nanobind::detail {

// Whatever takes an exchange from Python asks first.
template <class Type_>
struct idle_caster : type_caster_base<Type_> {
    using Base = type_caster_base<Type_>;
    operator Type_*() {
        Busy::refuse(static_cast<Type_*>(Base::operator Type_*()));
        return Base::operator Type_*();
    }
    operator Type_&() {
        Busy::refuse(&Base::operator Type_&());
        return Base::operator Type_&();
    }
};
template <>
struct type_caster<nanobook::Exchange> : idle_caster<nanobook::Exchange> {};
template <>
struct type_caster<nanobook::MultiExchange> : idle_caster<nanobook::MultiExchange> {};

}  // namespace nanobind::detail

// A portfolio as JSON: all that decides what it will do, money to the cent.
#pragma once

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <set>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <nanobook/core/types.hpp>
#include <nanobook/detail/json.hpp>
#include <nanobook/detail/output_file.hpp>
#include <nanobook/portfolio/cost_model.hpp>
#include <nanobook/portfolio/portfolio.hpp>

namespace nanobook {

class PortfolioJson {
  public:
    /// One object. Symbols are sorted by name: equal portfolios have equal texts.
    [[nodiscard]] static std::string write(const Portfolio& portfolio) {
        using detail::append_integer;
        std::string out = R"({"format":"nanobook portfolio","version":1)";
        const auto integer = [&out](std::string_view name, std::int64_t value) {
            out += ",\"" + std::string(name) + "\":";
            append_integer(out, value);
        };
        const auto real = [&out](std::string_view name, double value) {
            out += ",\"" + std::string(name) + "\":";
            detail::append_real(out, value);
        };
        integer("initial_cash", portfolio.initial_cash());
        integer("cash", portfolio.cash());
        real("leverage", portfolio.leverage());
        real("commission_bps", portfolio.costs().commission_bps());
        real("slippage_bps", portfolio.costs().slippage_bps());
        integer("min_trade_fee", portfolio.costs().min_trade_fee());
        out += portfolio.is_ruined() ? R"(,"ruined":true)" : R"(,"ruined":false)";
        if (portfolio.has_last_) integer("last_no_trade_band", portfolio.last_band_);

        out += ",\"positions\":{";
        for (const std::uint32_t symbol : portfolio.by_name()) {
            const Position& position = portfolio.positions()[symbol];
            const bool has_last = portfolio.has_last_ && symbol < portfolio.last_.size();
            // A symbol that was only heard of decides nothing.
            if (position.fills == 0 && !(has_last && portfolio.last_[symbol].is_target())) continue;
            if (out.back() != '{') out += ',';
            detail::append_quoted(out, portfolio.symbols()[symbol]);
            out += ":{\"quantity\":";
            append_integer(out, position.quantity);
            integer("total_cost", position.total_cost);
            integer("realised_gross", position.realised_gross);
            integer("fees", position.fees);
            integer("fills", position.fills);
            if (has_last) {
                const Portfolio::Decided& last = portfolio.last_[symbol];
                if (last.is_target()) real("last_weight", last.weight);
                integer("last_price", last.price);
            }
            out += '}';
        }
        out += "},\"equity_curve\":[";
        for (std::size_t i = 0; i < portfolio.equity_curve().size(); ++i) {
            if (i != 0) out += ',';
            append_integer(out, portfolio.equity_curve()[i]);
        }
        return out += "]}";
    }

    /// Throws JsonError for what `write` did not write.
    [[nodiscard]] static Portfolio read(std::string_view text) {
        detail::JsonReader json(text);
        Price initial_cash = 0, cash = 0, min_trade_fee = 0;
        double leverage = 1, commission_bps = 0, slippage_bps = 0;
        bool is_ruined = false;
        std::vector<std::pair<std::string, ReadPosition>> positions;
        std::vector<Price> curve;
        Read last;
        std::set<std::string, std::less<>> seen;
        json.open_object();
        while (const auto key = json.next_key()) {
            if (!seen.emplace(*key).second) json.refuse("the key " + detail::in_quotes(*key) + " is there twice");
            const std::string name(*key);
            if (name == "format") {
                if (json.string() != "nanobook portfolio") json.refuse("this is no portfolio");
            } else if (name == "version") {
                if (json.integer<int>(name) != 1) json.refuse("only version 1 of this format is known");
            } else if (name == "initial_cash") {
                initial_cash = json.integer<Price>(name, 1);
            } else if (name == "cash") {
                cash = json.integer<Price>(name);
            } else if (name == "leverage") {
                leverage = json.real(name);
            } else if (name == "commission_bps") {
                commission_bps = json.real(name);
            } else if (name == "slippage_bps") {
                slippage_bps = json.real(name);
            } else if (name == "min_trade_fee") {
                min_trade_fee = json.integer<Price>(name, 0);
            } else if (name == "ruined") {
                is_ruined = json.boolean();
            } else if (name == "last_no_trade_band") {
                last = {true, json.integer<std::int64_t>(name, 0)};
            } else if (name == "positions") {
                positions = read_positions(json);
            } else if (name == "equity_curve") {
                json.open_array();
                while (json.next_item()) curve.push_back(json.integer<Price>("an entry of equity_curve"));
            } else {
                json.refuse("unknown key " + detail::in_quotes(name));
            }
        }
        json.finish();
        for (const char* const key : {"format", "version", "initial_cash", "cash", "positions", "equity_curve"}) {
            if (!seen.contains(std::string_view(key)))
                throw JsonError(0, "there is no key \"" + std::string(key) + '"');
        }
        if (curve.empty()) throw JsonError(0, "equity_curve is empty");
        try {
            Portfolio portfolio(initial_cash, CostModel(commission_bps, slippage_bps, min_trade_fee), leverage);
            portfolio.cash_ = cash;
            portfolio.is_ruined_ = is_ruined;
            portfolio.equity_curve_ = std::move(curve);
            portfolio.has_last_ = last.is_there;
            portfolio.last_band_ = last.band;
            for (const auto& [symbol, read] : positions) {
                portfolio.positions_[portfolio.add_symbol(symbol)] = read.position;
                if (last.is_there) portfolio.last_.push_back({read.last_weight, read.last_price});
            }
            return portfolio;
        } catch (const std::invalid_argument& error) {
            throw JsonError(0, error.what());
        }
    }

  private:
    struct Read {
        bool is_there = false;
        std::int64_t band = 0;
    };
    struct ReadPosition {
        Position position = {};
        double last_weight = Portfolio::no_target;
        Price last_price = 0;
    };

    static std::vector<std::pair<std::string, ReadPosition>> read_positions(detail::JsonReader& json) {
        std::vector<std::pair<std::string, ReadPosition>> positions;
        std::set<std::string, std::less<>> seen;
        json.open_object();
        while (const auto symbol = json.next_key()) {
            if (!seen.emplace(*symbol).second)
                json.refuse("the symbol " + detail::in_quotes(*symbol) + " is there twice");
            positions.emplace_back(std::string(*symbol), ReadPosition{});
            ReadPosition& read = positions.back().second;
            std::set<std::string> keys;
            json.open_object();
            while (const auto key = json.next_key()) {
                const std::string name(*key);
                if (!keys.insert(name).second) json.refuse("the key " + detail::in_quotes(name) + " is there twice");
                if (name == "quantity") {
                    read.position.quantity = json.integer<std::int64_t>(name);
                } else if (name == "total_cost") {
                    read.position.total_cost = json.integer<Price>(name);
                } else if (name == "realised_gross") {
                    read.position.realised_gross = json.integer<Price>(name);
                } else if (name == "fees") {
                    read.position.fees = json.integer<Price>(name);
                } else if (name == "fills") {
                    // More than can ever be, and room for what comes.
                    read.position.fills = json.integer<std::uint32_t>(name);
                } else if (name == "last_weight") {
                    read.last_weight = json.real(name);
                } else if (name == "last_price") {
                    read.last_price = json.integer<Price>(name, 0);
                } else {
                    json.refuse("unknown key " + detail::in_quotes(name));
                }
            }
        }
        return positions;
    }
};

/// Throws std::system_error; a file that stood there stays as it is until the new one is whole.
inline void save_json(const std::filesystem::path& path, const Portfolio& portfolio) {
    const std::string text = PortfolioJson::write(portfolio) + '\n';
    detail::OutputFile file(path);
    constexpr std::size_t piece = std::size_t{1} << 20;
    for (std::size_t at = 0; at < text.size(); at += piece) {
        const std::size_t size = std::min(piece, text.size() - at);
        std::memcpy(file.extend(size), text.data() + at, size);
    }
    file.commit();
}

/// Throws std::system_error, and JsonError that names the file.
[[nodiscard]] inline Portfolio load_json(const std::filesystem::path& path) {
    errno = 0;
    std::ifstream file(path, std::ios::binary);
    std::ostringstream text;
    if (!file || (text << file.rdbuf()).bad() || file.bad()) {
        throw std::system_error(errno != 0 ? errno : EIO, std::generic_category(), path.string());
    }
    try {
        return PortfolioJson::read(text.str());
    } catch (const JsonError& error) {
        throw JsonError(0, path.string() + ": " + error.what());
    }
}

}  // namespace nanobook

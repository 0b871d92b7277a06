// Portfolios as JSON: there and back, and what is refused.
#include <doctest/doctest.h>

#include <cstddef>
#include <cstdint>
#include <limits>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include <nanobook/detail/random.hpp>
#include <nanobook/portfolio/portfolio_json.hpp>

#include "temporary_folder.hpp"

using namespace nanobook;
using nanobook::detail::Random;
using nanobook::test::read_text;
using nanobook::test::TemporaryFolder;
using nanobook::test::write_text;

namespace {

constexpr std::string_view simplest =
    R"({"format":"nanobook portfolio","version":1,"initial_cash":1000,"cash":1000,"leverage":1.0,"commission_bps":0.0,)"
    R"("slippage_bps":0.0,"min_trade_fee":0,"ruined":false,"positions":{},"equity_curve":[1000]})";

std::string again(const std::string& text) { return PortfolioJson::write(PortfolioJson::read(text)); }

/// The simplest portfolio, with one piece of its text replaced.
std::string with(std::string_view piece, std::string_view other) {
    std::string text(simplest);
    return text.replace(text.find(piece), piece.size(), other);
}

std::string refusal(const std::string& text) {
    try {
        (void)PortfolioJson::read(text);
    } catch (const JsonError& error) {
        return error.what();
    }
    return "";
}

Portfolio traded(std::uint64_t seed) {
    Random random(seed);
    Portfolio portfolio(1 + static_cast<Price>(random.next() >> (4 + random.below(50))),
                        CostModel(random.below(10'000) / 100.0, random.below(1'000) / 100.0, random.below(50)),
                        0.5 + random.below(30) / 10.0);
    for (const char* const symbol : {"B", "A", "Ü \"quoted\"\n", ""}) portfolio.add_symbol(symbol);
    std::vector<Price> prices;
    for (int i = 0; i < 4; ++i) prices.push_back(1 + static_cast<Price>(random.below(10'000)));
    for (std::uint32_t n = random.below(5); n > 0; --n) {
        for (Price& price : prices) price += static_cast<Price>(random.below(100));
        const double part = portfolio.leverage() / 5 / (1 + random.below(3));
        const std::vector<Target> targets{{random.below(4), part}};
        portfolio.rebalance(targets, {prices}, nullptr, random.once_in(3) ? 1'000 : 0);
        portfolio.record_return({prices});
    }
    return portfolio;
}

}  // namespace

TEST_CASE("the_text_of_a_new_portfolio_is_plain") {
    CHECK(PortfolioJson::write(Portfolio(1'000)) == simplest);
    CHECK(again(std::string(simplest)) == simplest);
}

TEST_CASE("every_amount_is_read_back_to_the_cent") {
    for (std::uint64_t seed = 0; seed < 300; ++seed) {
        const Portfolio portfolio = traded(seed);
        const std::string text = PortfolioJson::write(portfolio);
        const Portfolio other = PortfolioJson::read(text);
        if (PortfolioJson::write(other) != text) FAIL(text);
        if (other.cash() != portfolio.cash() || other.fees() != portfolio.fees()) FAIL(text);
        if (other.costs() != portfolio.costs() || other.leverage() != portfolio.leverage()) FAIL(text);
        if (other.equity_curve() != portfolio.equity_curve()) FAIL(text);
        for (std::uint32_t i = 0; i < 4; ++i) {
            const auto number = other.find_symbol(portfolio.symbols()[i]);
            const Position position = number ? other.positions()[*number] : Position{};
            if (position != portfolio.positions()[i]) FAIL(text);
        }
    }
}

TEST_CASE("a_portfolio_that_was_read_does_what_the_other_would_have_done") {
    for (std::uint64_t seed = 0; seed < 100; ++seed) {
        Portfolio portfolio = traded(seed);
        Portfolio other = PortfolioJson::read(PortfolioJson::write(portfolio));
        const std::vector<Price> prices{100, 5, 70, 7};
        std::vector<Price> other_prices;
        for (const std::string& symbol : portfolio.symbols()) other.add_symbol(symbol);
        for (const std::string& symbol : other.symbols())
            other_prices.push_back(prices[*portfolio.find_symbol(symbol)]);
        for (int i = 0; i < 2; ++i) {
            const std::vector<Target> targets{{1, 0.3}, {2, 0.2}};
            const std::vector<Target> other_targets{{*other.find_symbol("A"), 0.3},
                                                    {*other.find_symbol("Ü \"quoted\"\n"), 0.2}};
            const RebalanceReport report = portfolio.rebalance(targets, {prices});
            const RebalanceReport other_report = other.rebalance(other_targets, {other_prices});
            CHECK(report.orders == other_report.orders);
            CHECK(report.traded == other_report.traded);
            CHECK(portfolio.cash() == other.cash());
        }
    }
}

TEST_CASE("a_rebalance_that_was_done_before_is_not_done_again_after_reading") {
    Portfolio portfolio(1'000'000, CostModel(100));
    portfolio.add_symbol("A");
    const std::vector<Price> prices{100};
    const std::vector<Target> targets{{0, 1.0 / 3}};
    portfolio.rebalance(targets, {prices});
    Portfolio other = PortfolioJson::read(PortfolioJson::write(portfolio));
    CHECK(other.rebalance(targets, {prices}).orders == 0);
}

TEST_CASE("a_symbol_that_was_only_heard_of_is_left_out") {
    Portfolio portfolio(1'000);
    portfolio.add_symbol("A");
    CHECK(PortfolioJson::write(portfolio) == simplest);
}

TEST_CASE("symbols_are_written_by_name_whatever_their_numbers") {
    Portfolio ab(1'000), ba(1'000);
    for (const char* const symbol : {"A", "B"}) ab.add_symbol(symbol);
    for (const char* const symbol : {"B", "A"}) ba.add_symbol(symbol);
    const std::vector<Price> prices{10, 10};
    const std::vector<Target> half{{0, 0.5}, {1, 0.5}};
    ab.rebalance(half, {prices});
    ba.rebalance(half, {prices});
    CHECK(PortfolioJson::write(ab) == PortfolioJson::write(ba));
}

TEST_CASE("a_ruin_is_one_after_reading_too") {
    Portfolio portfolio = PortfolioJson::read(with(R"("ruined":false)", R"("ruined":true)"));
    CHECK(portfolio.is_ruined());
    portfolio.add_symbol("A");
    const std::vector<Price> prices{10};
    const std::vector<Target> targets{{0, 1.0}};
    CHECK(portfolio.rebalance(targets, {prices}).orders == 0);
}

TEST_CASE("white_space_and_the_order_of_keys_do_not_matter") {
    CHECK(again(" {\n\t\"cash\" : 1000 , \"version\":1,\"format\":\"nanobook portfolio\",\"initial_cash\":1000,\r\n"
                "\"equity_curve\" : [ 1000 ], \"positions\" : { } } ") == simplest);
}

TEST_CASE("a_key_that_is_missing_is_named") {
    for (const char* const key : {"format", "version", "initial_cash", "cash", "positions", "equity_curve"}) {
        const std::string quoted = '"' + std::string(key) + "\":";
        std::string text(simplest);
        const std::size_t at = text.find(quoted);
        std::size_t end = text.find(",\"", at);
        end = end == std::string::npos ? text.size() - 1 : end + 1;
        text.erase(at, end - at);
        if (text[text.size() - 2] == ',') text.erase(text.size() - 2, 1);
        CHECK(refusal(text) == "there is no key \"" + std::string(key) + '"');
    }
}

TEST_CASE("an_unknown_key_is_refused") {
    CHECK(refusal(with("\"ruined\"", "\"rich\"")).ends_with(R"(unknown key "rich")"));
    CHECK(refusal(with("{}", R"({"A":{"size":1}})")).ends_with(R"(unknown key "size")"));
}

TEST_CASE("a_key_or_symbol_that_is_there_twice_is_refused") {
    CHECK(refusal(with("\"leverage\":1.0", "\"cash\":7")).ends_with(R"(the key "cash" is there twice)"));
    CHECK(refusal(with("{}", R"({"A":{},"A":{}})")).ends_with(R"(the symbol "A" is there twice)"));
    CHECK(refusal(with("{}", R"({"A":{"quantity":1,"quantity":2}})")) != "");
}

TEST_CASE("another_format_or_version_is_refused") {
    CHECK(refusal(with("nanobook portfolio", "something")).ends_with("this is no portfolio"));
    CHECK(refusal(with("\"version\":1", "\"version\":2")).ends_with("only version 1 of this format is known"));
}

TEST_CASE("values_that_no_portfolio_has_are_refused") {
    CHECK(refusal(with("\"initial_cash\":1000", "\"initial_cash\":0")) != "");
    CHECK(refusal(with("\"cash\":1000", "\"cash\":10.5")) != "");
    CHECK(refusal(with("\"cash\":1000", "\"cash\":9223372036854775808")) != "");
    CHECK(refusal(with("\"cash\":1000", "\"cash\":null")) != "");
    CHECK(refusal(with("\"leverage\":1.0", "\"leverage\":0.0")) != "");
    CHECK(refusal(with("\"leverage\":1.0", "\"leverage\":1e999")) != "");
    CHECK(refusal(with("\"commission_bps\":0.0", "\"commission_bps\":0.001")) != "");
    CHECK(refusal(with("\"min_trade_fee\":0", "\"min_trade_fee\":-1")) != "");
    CHECK(refusal(with("[1000]", "[]")) == "equity_curve is empty");
    CHECK(refusal(with("[1000]", "[1000,]")) != "");
}

TEST_CASE("text_that_is_no_json_is_refused_with_its_column") {
    CHECK(refusal("") == "column 1: expected an object, found the end of the line");
    CHECK(refusal("[]").starts_with("column 1: "));
    CHECK(refusal(std::string(simplest) + "x").starts_with("column " + std::to_string(simplest.size() + 1) + ": "));
    for (std::size_t size = 0; size < simplest.size(); ++size) {
        if (refusal(std::string(simplest.substr(0, size))).empty()) FAIL("cut at " << size);
    }
}

TEST_CASE("a_file_is_read_back_as_it_was_written") {
    const TemporaryFolder folder;
    const auto path = folder.path / "portfolio.json";
    const Portfolio portfolio = traded(12);
    save_json(path, portfolio);
    CHECK(read_text(path) == PortfolioJson::write(portfolio) + '\n');
    CHECK(PortfolioJson::write(load_json(path)) == PortfolioJson::write(portfolio));
    CHECK(folder.files() == 1);
}

TEST_CASE("a_long_curve_fits_a_file") {
    const TemporaryFolder folder;
    Portfolio portfolio(1'000);
    for (int i = 0; i < 400'000; ++i) portfolio.record_return({});
    save_json(folder.path / "long.json", portfolio);
    CHECK(load_json(folder.path / "long.json").equity_curve().size() == 400'001);
}

TEST_CASE("a_file_that_is_wrong_is_named") {
    const TemporaryFolder folder;
    const auto path = folder.path / "wrong.json";
    write_text(path, "{}");
    CHECK_THROWS_WITH_AS((void)load_json(path), (path.string() + ": there is no key \"format\"").c_str(), JsonError);
}

TEST_CASE("a_file_that_is_not_there_is_an_error_of_the_system") {
    const TemporaryFolder folder;
    CHECK_THROWS_AS((void)load_json(folder.path / "nothing.json"), std::system_error);
    CHECK_THROWS_AS(save_json(folder.path / "no" / "folder.json", Portfolio(1'000)), std::system_error);
}

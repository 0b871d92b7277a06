"""The most active symbols of a NASDAQ day, and how the best prices of the first one moved.

python examples/replay_day.py [FILE]     # without a file, a day is made up
"""

import sys
import tempfile
from pathlib import Path

import nanobook

TIMES = ("09:30", "10:00", "11:00", "12:00", "13:00", "14:00", "15:00", "15:59")


def dollars(price: int | None) -> str:
    return "-" if price is None else f"{price / 10_000:,.4f}"


def show(path: Path) -> None:
    with nanobook.itch.open(path) as day:
        books = day.replay()
        busiest = sorted(books.stats(), key=lambda row: -row.volume)[:5]
        print(f"{books.message_count:,} messages")
        for row in busiest:
            print(f"{row.symbol:8} {row.volume:12,} shares in {row.trades:6,} trades, last {dollars(row.last_price)}")

        symbol = busiest[0].symbol
        print(f"\n{symbol:8} {'bid':>12} {'ask':>12} {'imbalance':>10}")
        for time in TIMES:
            books = day.replay(symbols=symbol, until=time)  # the other symbols are skipped
            if symbol not in books.symbols():
                continue  # not spoken of yet
            book = books.depth(symbol, 5)
            imbalance = book.imbalance()
            skew = "-" if imbalance is None else f"{imbalance:+.2f}"
            print(f"{time:8} {dollars(book.best_bid):>12} {dollars(book.best_ask):>12} {skew:>10}")

        if books.report:
            print(f"\nodd: {books.report.counts()}, first: {books.report.first}")


def main() -> None:
    if len(sys.argv) > 1:
        show(Path(sys.argv[1]))
        return
    with tempfile.TemporaryDirectory() as folder:
        show(nanobook.itch.synthesize(Path(folder) / "day.itch", messages=300_000, symbols=100))


if __name__ == "__main__":
    main()

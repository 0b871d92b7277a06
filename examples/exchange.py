"""A tour of the exchange: a book, trades, stops that fire stops, the same day again from its log.

python examples/exchange.py
"""

import tempfile
from itertools import groupby
from pathlib import Path

import nanobook


def show(ex: nanobook.Exchange) -> None:
    """Every resting order at its price, best asks above best bids, the first in the queue on the left."""
    levels = [(price, side, list(queue)) for (price, side), queue in groupby(ex.orders(), lambda o: (o.price, o.side))]
    for price, side, queue in sorted(levels, reverse=True):
        orders = ", ".join(f"#{order.id} {order.remaining_quantity}" for order in queue)
        print(f"  {price / 100:8.2f}  {side:4}  {orders}")


def show_trades(ex: nanobook.Exchange) -> None:
    try:
        import polars as pl
    except ImportError:
        for trade in ex.trades():
            print(f"  {trade}")
    else:
        print(pl.DataFrame(ex.trades()).select("trade_id", "price", "quantity", "aggressor_side", "timestamp"))


def main() -> None:
    ex = nanobook.Exchange("ACME")  # prices are in cents

    print("A book")
    for side, price, quantity in [
        ("sell", 102_00, 40),
        ("sell", 101_00, 30),
        ("sell", 101_00, 20),
        ("buy", 99_00, 40),
        ("buy", 98_00, 60),
        ("buy", 97_00, 70),
    ]:
        ex.submit_limit(side, price, quantity)
    show(ex)
    book = ex.depth(5)
    mid, weighted = book.mid_price() / 100, book.weighted_mid() / 100
    print(f"  mid {mid:.2f}, weighted {weighted:.3f}, imbalance {book.imbalance():+.3f}")

    print("\nA buy of 60 at 101.00 takes what is there and rests with what is left")
    result = ex.submit_limit("buy", 101_00, 60)
    print(f"  {result.status}: {result.filled_quantity} filled, {result.resting_quantity} resting")
    show(ex)

    print("\nTwo stops and a trailing one; a market sell sets them off")
    stops = [
        ex.submit_stop_market("sell", 99_00, 40),
        ex.submit_stop_limit("sell", 98_00, 97_00, 70),
        ex.submit_trailing_stop_market("sell", 95_00, 20, "percentage", 0.01),
    ]
    result = ex.submit_market("sell", 20)
    print(f"  {len(result.trades)} trades of its own, {len(result.triggered)} of stops")
    for stop in stops:
        now = ex.get_stop_order(stop.order_id)
        print(f"  stop #{now.id} at {now.stop_price / 100:.2f}: {now.status}, order #{now.child_order_id}")
    show(ex)

    print("\nEvery trade")
    show_trades(ex)

    print("\nThe same day again")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "acme.jsonl"
        ex.save(path)
        again = nanobook.Exchange.load(path)
    same = again.state_hash() == ex.state_hash() and again.trades() == ex.trades()
    print(f"  {len(again.events())} events, {'the same' if same else 'another'} book, trades and stops")


if __name__ == "__main__":
    main()

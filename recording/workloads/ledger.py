"""The recorded database program: a shop's ledger in SQLite, told what to do line by line.

Each line on standard input is an operation and a number; the answer is ``::0``. The operation
``close`` ends the program.
"""

# Here open() does: pathlib would only add the calls of its import to every recording.
# ruff: noqa: PTH123

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Callable

CUSTOMERS = 60
PRODUCTS = 40

Operation = Callable[[sqlite3.Connection, int], object]


def sell(shop: sqlite3.Connection, number: int) -> None:
    """Book one sale, and take it from the stock."""
    with shop:
        product = number % PRODUCTS + 1
        shop.execute("UPDATE product SET stock = stock - 1 WHERE id = ?", (product,))
        shop.execute(
            "INSERT INTO sale (customer_id, product_id, amount) VALUES (?, ?, 1)",
            (number % CUSTOMERS + 1, product),
        )


def deliver(shop: sqlite3.Connection, number: int) -> None:
    """Book many rows in one transaction."""
    with shop:
        shop.executemany(
            "UPDATE product SET stock = stock + ? WHERE id = ?",
            [(number % 9 + 1, product) for product in range(1, PRODUCTS, number % 7 + 1)],
        )


def withdraw(shop: sqlite3.Connection, number: int) -> None:
    """Begin a change and take it back."""
    shop.execute("DELETE FROM sale WHERE customer_id = ?", (number % CUSTOMERS + 1,))
    shop.rollback()


def report(shop: sqlite3.Connection, number: int) -> None:
    """Join the three tables and write the best customers to a file."""
    rows = shop.execute(
        "SELECT customer.name, sum(amount * price) AS spent FROM sale"
        " JOIN customer ON customer.id = customer_id JOIN product ON product.id = product_id"
        " GROUP BY customer.id ORDER BY spent DESC LIMIT ?",
        (number % 20 + 3,),
    )
    with open("reports/best.csv", "w", encoding="utf-8") as file:
        file.writelines(f"{name},{spent}\n" for name, spent in rows)


def reindex(shop: sqlite3.Connection, _: int) -> None:
    shop.execute("CREATE INDEX IF NOT EXISTS sale_customer ON sale (customer_id)")
    shop.execute("ANALYZE")
    shop.commit()


def write_ahead(shop: sqlite3.Connection, _: int) -> None:
    """Change to the write-ahead log for one checkpoint, and back."""
    shop.execute("PRAGMA journal_mode = WAL")
    shop.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    shop.execute("PRAGMA journal_mode = DELETE")


def back_up(shop: sqlite3.Connection, _: int) -> None:
    copy = sqlite3.connect("backups/ledger.db")
    shop.backup(copy)
    copy.close()


def vacuum(shop: sqlite3.Connection, _: int) -> None:
    shop.execute("VACUUM")


OPERATIONS: dict[str, Operation] = {
    function.__name__: function
    for function in (sell, deliver, withdraw, report, reindex, write_ahead, back_up, vacuum)
}


def main(path: str) -> None:
    shop = sqlite3.connect(path)
    print("::0", flush=True)
    for line in sys.stdin:
        operation, number = line.split()
        if operation == "close":
            break
        OPERATIONS[operation](shop, int(number))
        print("::0", flush=True)
    shop.close()


if __name__ == "__main__":
    main(sys.argv[1])

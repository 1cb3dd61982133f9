"""The outbox: each message is sent once, a file and a real webhook take them, and what nobody knows is settled."""

from __future__ import annotations

import base64
import hmac
import json
import socket
import threading
from collections.abc import Iterator
from datetime import timedelta
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from ratebook.billing.deliverers import Deliverer, FileDeliverer, WebhookDeliverer, deliverer_of
from ratebook.billing.delivering import TRIES_MAX, deliver_due, resolve
from ratebook.billing.outbox import Message, MessageState, enqueue, list_messages, take
from ratebook.billing.payments import pay
from ratebook.billing.refunds import refund
from ratebook.diagnostics import Diagnostic
from ratebook.ledger.accounts import AccountKind

from .conftest import Desk, code, done

KEY = b"thirty-two bytes that are a key!"


class Receiver(BaseHTTPRequestHandler):
    """Answers with the status in the path, and keeps what it got."""

    got: list[tuple[dict[str, str], bytes]]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.got.append(({name.lower(): value for name, value in self.headers.items()}, body))
        if self.path == "/silence":
            self.connection.close()
            return
        self.send_response(int(self.path.strip("/")))
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *args: object) -> None:
        """Nothing on the terminal."""


@pytest.fixture
def receiver() -> Iterator[tuple[str, list[tuple[dict[str, str], bytes]]]]:
    """The address of a real server on this machine, and what it got."""
    handler = type("Handler", (Receiver,), {"got": []})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}", handler.got
    server.shutdown()
    server.server_close()


def told(desk: Desk, text: str = "hello", kind: str = "watch") -> int:
    return desk.store.write(lambda transaction: enqueue(transaction, desk.acting(), kind, {"text": text}))


def states(desk: Desk) -> list[MessageState]:
    return [message.state for message in desk.store.read(list_messages)]


def refunded(desk: Desk) -> int:
    """An account with a payment of 100.00, of which 40.00 go back; the message."""
    desk.account()
    desk.invoice()
    payment = int(str(done(pay(desk.store, desk.acting(), "a-1", 100_00, method="bank"))["payment"]))
    return int(str(done(refund(desk.store, desk.acting(), payment, 40_00))["message"]))


def test_a_file_gets_one_line_a_message(desk: Desk, tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    told(desk, "one")
    told(desk, "两")
    sent, findings = deliver_due(desk.store, desk.acting(), lambda message: FileDeliverer(path))
    assert ([message.state for message in sent], findings) == ([MessageState.CONFIRMED] * 2, [])
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    assert [line["data"]["text"] for line in lines] == ["one", "两"]
    assert path.stat().st_mode & 0o777 == 0o600
    assert deliver_due(desk.store, desk.acting(), lambda message: FileDeliverer(path)) == ([], [])


def test_a_webhook_gets_a_signed_message_that_has_a_name(
    desk: Desk, receiver: tuple[str, list[tuple[dict[str, str], bytes]]]
) -> None:
    url, got = receiver
    number = told(desk)
    deliver_due(desk.store, desk.acting(), lambda message: WebhookDeliverer(f"{url}/204", KEY))
    assert states(desk) == [MessageState.CONFIRMED]
    ((headers, body),) = got
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    assert headers["webhook-signature"] == "v1," + base64.b64encode(hmac.new(KEY, signed, sha256).digest()).decode()
    assert headers["idempotency-key"] == headers["webhook-id"] == json.loads(body)["id"] == f"msg_{number}"


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("200", MessageState.CONFIRMED),
        ("302", MessageState.FAILED),
        ("400", MessageState.FAILED),
        ("429", MessageState.REQUESTED),
        ("503", MessageState.REQUESTED),
        ("500", MessageState.UNKNOWN),
        ("silence", MessageState.UNKNOWN),
    ],
)
def test_what_an_answer_says_about_the_message(
    desk: Desk, receiver: tuple[str, list[tuple[dict[str, str], bytes]]], path: str, expected: MessageState
) -> None:
    told(desk)
    deliver_due(desk.store, desk.acting(), lambda message: WebhookDeliverer(f"{receiver[0]}/{path}"))
    assert states(desk) == [expected]


def test_where_nobody_listens_nothing_has_left_and_it_waits_longer_each_time(desk: Desk) -> None:
    told(desk)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    nobody = WebhookDeliverer(f"http://127.0.0.1:{port}/", seconds=2)
    for tries in range(1, TRIES_MAX):
        (sent,) = deliver_due(desk.store, desk.acting(), lambda message: nobody)[0]
        assert (sent.state, sent.tries) == (MessageState.REQUESTED, tries)
        assert deliver_due(desk.store, desk.acting(), lambda message: nobody) == ([], [])
        desk.now += timedelta(minutes=61)
    deliver_due(desk.store, desk.acting(), lambda message: nobody)
    assert states(desk) == [MessageState.FAILED]


def test_what_nobody_knows_is_never_sent_again_until_somebody_says_so(
    desk: Desk, receiver: tuple[str, list[tuple[dict[str, str], bytes]]]
) -> None:
    url, got = receiver
    number = told(desk)
    deliver_due(desk.store, desk.acting(), lambda message: WebhookDeliverer(f"{url}/500"))
    desk.now += timedelta(days=9)
    assert deliver_due(desk.store, desk.acting(), lambda message: WebhookDeliverer(f"{url}/200")) == ([], [])
    assert len(got) == 1
    done(resolve(desk.store, desk.acting(), number, MessageState.REQUESTED))
    desk.now += timedelta(hours=2)
    deliver_due(desk.store, desk.acting(), lambda message: WebhookDeliverer(f"{url}/200"))
    assert (states(desk), len(got)) == ([MessageState.CONFIRMED], 2)
    for state in (MessageState.FAILED, MessageState.REQUESTED, MessageState.CONFIRMED):
        assert code(resolve(desk.store, desk.acting(), number, state)) == "RB7078"
    assert code(resolve(desk.store, desk.acting(), 999_999, MessageState.FAILED)) == "RB7077"


def test_a_message_whose_deliverer_died_stays_sent(desk: Desk, tmp_path: Path) -> None:
    number = told(desk)
    desk.store.write(lambda transaction: take(transaction, number, desk.acting().time))
    assert desk.store.write(lambda transaction: take(transaction, number, desk.acting().time)) is None
    desk.now += timedelta(days=1)
    assert deliver_due(desk.store, desk.acting(), lambda message: FileDeliverer(tmp_path / "x")) == ([], [])
    assert states(desk) == [MessageState.SENT]


def test_several_deliverers_send_each_message_once(desk: Desk, tmp_path: Path) -> None:
    for number in range(12):
        told(desk, str(number))
    path = tmp_path / "out.jsonl"
    acting = desk.acting()
    begin = threading.Barrier(4)

    def work() -> None:
        begin.wait()
        deliver_due(desk.store, acting, lambda message: FileDeliverer(path))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    texts = [json.loads(line)["data"]["text"] for line in path.read_text(encoding="utf-8").splitlines()]
    assert sorted(texts, key=int) == [str(number) for number in range(12)]
    assert set(states(desk)) == {MessageState.CONFIRMED}


def test_a_refund_in_a_file_waits_for_the_bank(desk: Desk, tmp_path: Path) -> None:
    number = refunded(desk)
    deliver_due(desk.store, desk.acting(), lambda message: FileDeliverer(tmp_path / "bank.jsonl"))
    assert states(desk) == [MessageState.SENT]
    assert desk.platform(AccountKind.REFUNDS) == 40_00
    done(resolve(desk.store, desk.acting(), number, MessageState.CONFIRMED))
    assert (desk.platform(AccountKind.REFUNDS), -desk.platform(AccountKind.GATEWAY)) == (0, 60_00)
    desk.check()


@pytest.mark.parametrize(
    ("path", "owed", "promised", "at_gateway"),
    [("200", 40_00, 0, 60_00), ("400", 0, 0, 100_00), ("500", 40_00, 40_00, 100_00)],
)
def test_a_refund_through_a_webhook(
    desk: Desk,
    receiver: tuple[str, list[tuple[dict[str, str], bytes]]],
    path: str,
    owed: int,
    promised: int,
    at_gateway: int,
) -> None:
    refunded(desk)
    deliver_due(desk.store, desk.acting(), lambda message: WebhookDeliverer(f"{receiver[0]}/{path}"))
    assert desk.owed() == owed
    assert (desk.platform(AccountKind.REFUNDS), -desk.platform(AccountKind.GATEWAY)) == (promised, at_gateway)
    desk.check()


def test_destinations(tmp_path: Path) -> None:
    assert deliverer_of(f"file:{tmp_path}/x") == FileDeliverer(tmp_path / "x")
    assert deliverer_of("https://example.org/hook", key=KEY) == WebhookDeliverer("https://example.org/hook", KEY)
    for wrong in ("", "bank", "file:", "ftp://example.org", "https://", "http://h:x/"):
        assert code(deliverer_of(wrong)) == "RB7079"


def test_a_message_without_a_way_stays_and_is_said(desk: Desk, tmp_path: Path) -> None:
    refunded(desk)

    def route(message: Message) -> Deliverer | Diagnostic:
        return deliverer_of(message.destination)

    sent, findings = deliver_due(desk.store, desk.acting(), route)
    assert (sent, [finding.code for finding in findings]) == ([], ["RB7079"])
    assert states(desk) == [MessageState.REQUESTED]


def test_a_file_that_cannot_be_written_leaves_the_message_waiting(desk: Desk, tmp_path: Path) -> None:
    told(desk)
    (sent,) = deliver_due(desk.store, desk.acting(), lambda message: FileDeliverer(tmp_path / "no" / "x"))[0]
    assert sent.state is MessageState.REQUESTED and "No such file" in sent.detail

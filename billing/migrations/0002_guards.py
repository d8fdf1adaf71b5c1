"""What the database itself refuses, whoever asks: changed documents, altered books, skipped numbers.

Invariants I1, I3 to I7, I11, I12 and I16 of docs/invariants.md, by raw SQL too.
"""

from peewee import PostgresqlDatabase

from billing.migrations.guards import Guard, append_only, changed, install, never_replace, never_truncate

FROZEN = changed(
    "customer_id", "number", "series", "series_number", "position", "currency", "issue_on", "due_on", "terms_days",
    "po", "subject", "notes", "discount_kind", "discount_value", "rounding_rule", "lines_minor", "discount_minor",
    "net_minor", "tax_minor", "total_minor", "search_text", "frozen", "frozen_sha256", "created_at", "created_by_id",
    "issued_at",
)  # fmt: skip

DRAFT_PARENT = "(SELECT status FROM invoice WHERE id = {row}.invoice_id) <> 'draft'"

GUARDS = [
    # Invoices: begin as drafts, freeze at issue, move only along the listed transitions.
    Guard("invoice_begins_as_draft", "invoice", "INSERT", "NEW.status <> 'draft'", "an invoice begins as a draft"),
    Guard("invoice_issued_is_kept", "invoice", "DELETE", "OLD.status <> 'draft'", "an issued invoice is kept for good"),
    Guard(
        "invoice_issued_never_changes", "invoice", "UPDATE", f"OLD.status <> 'draft' AND {FROZEN}",
        "an issued invoice never changes",
    ),
    Guard(
        "invoice_transition", "invoice", "UPDATE",
        "NOT (OLD.status = NEW.status OR (OLD.status = 'draft' AND NEW.status = 'issued')"
        " OR (OLD.status = 'issued' AND NEW.status = 'void'))",
        "an invoice goes from draft to issued to void, and no other way",
    ),
    Guard(
        "invoice_issue_adds_up", "invoice", "UPDATE",
        "OLD.status = 'draft' AND NEW.status = 'issued' AND NOT COALESCE("
        "NEW.lines_minor = (SELECT SUM(net_minor) FROM invoice_line WHERE invoice_id = NEW.id)"
        " AND NEW.net_minor = (SELECT SUM(base_minor) FROM invoice_tax WHERE invoice_id = NEW.id)"
        " AND NEW.tax_minor = (SELECT SUM(tax_minor) FROM invoice_tax WHERE invoice_id = NEW.id), FALSE)",
        "the lines and taxes of an invoice add up to its totals",
    ),
    Guard(
        "invoice_number_is_next", "invoice", "UPDATE",
        "OLD.status = 'draft' AND NEW.status = 'issued'"
        " AND (SELECT value FROM counter WHERE key = NEW.series) IS DISTINCT FROM NEW.series_number",
        "an invoice takes the next number of its series",
    ),
    Guard(
        "invoice_balance_is_the_ledgers", "invoice", "UPDATE",
        "OLD.balance_minor <> NEW.balance_minor AND NEW.balance_minor IS DISTINCT FROM (SELECT COALESCE(SUM("
        "CASE WHEN debit = 'receivable' THEN minor WHEN credit = 'receivable' THEN -minor ELSE 0 END), 0)"
        " FROM transfer WHERE invoice_id = NEW.id)",
        "the balance of an invoice is what the ledger says",
    ),
    Guard(
        "invoice_void_had_no_effect", "invoice", "UPDATE",
        "OLD.status = 'issued' AND NEW.status = 'void'"
        " AND EXISTS (SELECT 1 FROM allocation WHERE invoice_id = NEW.id)",
        "an invoice that money was applied to is credited, not voided",
    ),
    Guard("invoice_line_added", "invoice_line", "INSERT", DRAFT_PARENT.format(row="NEW"), "lines of an issued invoice never change"),
    Guard(
        "invoice_line_changed", "invoice_line", "UPDATE",
        f"{DRAFT_PARENT.format(row='OLD')} OR {DRAFT_PARENT.format(row='NEW')}",
        "lines of an issued invoice never change",
    ),
    Guard("invoice_line_removed", "invoice_line", "DELETE", DRAFT_PARENT.format(row="OLD"), "lines of an issued invoice never change"),
    Guard("invoice_tax_added", "invoice_tax", "INSERT", DRAFT_PARENT.format(row="NEW"), "taxes of an issued invoice never change"),
    Guard(
        "invoice_tax_changed", "invoice_tax", "UPDATE",
        f"{DRAFT_PARENT.format(row='OLD')} OR {DRAFT_PARENT.format(row='NEW')}",
        "taxes of an issued invoice never change",
    ),
    Guard("invoice_tax_removed", "invoice_tax", "DELETE", DRAFT_PARENT.format(row="OLD"), "taxes of an issued invoice never change"),
    # Numbers: one step at a time, never back in time.
    Guard(
        "counter_steps", "counter", "UPDATE",
        "NEW.key <> OLD.key OR NEW.value <> OLD.value + 1 OR (OLD.last_on IS NOT NULL AND (NEW.last_on IS NULL OR NEW.last_on < OLD.last_on))",
        "a counter goes up by one, and never back in time",
    ),
    Guard("counter_begins", "counter", "INSERT", "NEW.value > 1", "a counter begins at one"),
    Guard("counter_is_kept", "counter", "DELETE", "OLD.value >= 0", "a counter is kept for good"),
    # Money: facts stay as they came.
    Guard(
        "payment_never_changes", "payment", "UPDATE",
        f"{changed('reference', 'currency', 'minor', 'received_at')}"
        f" OR (OLD.customer_id IS NOT NULL AND {changed('customer_id')})"
        f" OR (OLD.intent_id IS NOT NULL AND {changed('intent_id')})"
        f" OR (OLD.charge_id IS NOT NULL AND {changed('charge_id')})"
        f" OR (OLD.attempt_id IS NOT NULL AND {changed('attempt_id')})"
        f" OR (OLD.fee_minor IS NOT NULL AND {changed('fee_minor')})",
        "a payment is a fact and never changes",
    ),
    Guard("payment_is_kept", "payment", "DELETE", "OLD.id IS NOT NULL", "a payment is kept for good"),
    Guard(
        "allocation_fits_payment", "allocation", "INSERT",
        "NOT ((SELECT COALESCE(SUM(minor), 0) FROM allocation WHERE payment_id = NEW.payment_id) + NEW.minor"
        " BETWEEN 0 AND (SELECT minor FROM payment WHERE id = NEW.payment_id))",
        "no more of a payment can be applied than came",
    ),
    Guard(
        "allocation_stays_with_customer", "allocation", "INSERT",
        "NEW.invoice_id IS NOT NULL AND NOT EXISTS (SELECT 1 FROM invoice, payment WHERE invoice.id = NEW.invoice_id"
        " AND payment.id = NEW.payment_id AND invoice.customer_id = payment.customer_id"
        " AND invoice.currency = payment.currency AND invoice.status = 'issued')",
        "money is applied to issued invoices of its own customer and currency",
    ),
    Guard(
        "attempt_stays", "attempt", "UPDATE",
        f"{changed('customer_id', 'payer', 'currency', 'minor', 'nonce', 'created_at', 'expires_at')}"
        f" OR (OLD.session_id IS NOT NULL AND {changed('session_id')})"
        f" OR (OLD.intent_id IS NOT NULL AND {changed('intent_id')})"
        " OR (OLD.status = 'succeeded' AND NEW.status <> 'succeeded')",
        "an attempt to pay keeps its plan and its outcome",
    ),
    Guard("attempt_is_kept", "attempt", "DELETE", "OLD.id IS NOT NULL", "an attempt to pay is kept for good"),
    Guard(
        "stripe_event_stays", "stripe_event", "UPDATE",
        f"{changed('type', 'object_id', 'livemode', 'payload', 'received_at')}"
        " OR (OLD.status IN ('processed', 'ignored', 'wrong_mode') AND NEW.status <> OLD.status)",
        "an event keeps what it said and what became of it",
    ),
    Guard("stripe_event_is_kept", "stripe_event", "DELETE", "OLD.id IS NOT NULL", "an event is kept for good"),
    Guard(
        "transfer_names_its_invoices_customer", "transfer", "INSERT",
        "NEW.invoice_id IS NOT NULL AND NOT EXISTS (SELECT 1 FROM invoice WHERE id = NEW.invoice_id"
        " AND customer_id = NEW.customer_id AND currency = NEW.currency AND status <> 'draft')",
        "a transfer of an invoice is in its currency and its customer''s books",
    ),
    # Mail: what was accepted was accepted.
    Guard(
        "mail_accepted_stays", "mail", "UPDATE",
        f"{changed('key', 'event', 'recipient', 'message_id')}"
        f" OR (OLD.event <> 'sign_in_code' AND {changed('context')})"
        " OR (OLD.state = 'accepted' AND NEW.state <> 'accepted')",
        "a mail keeps its words, its recipient and its outcome",
    ),
    Guard("mail_is_kept", "mail", "DELETE", "OLD.id IS NOT NULL", "a mail is kept for good"),
    # Audit: each row follows the one before it.
    Guard(
        "audit_row_follows", "audit_row", "INSERT",
        "NOT EXISTS (SELECT 1 FROM audit_head WHERE sequence = NEW.sequence - 1 AND hash = NEW.previous_hash)",
        "an audit row follows the head of its chain",
    ),
    Guard(
        "audit_head_follows", "audit_head", "UPDATE",
        "NEW.sequence <> OLD.sequence + 1"
        " OR NEW.hash IS DISTINCT FROM (SELECT hash FROM audit_row WHERE sequence = NEW.sequence)",
        "the head of the audit chain is its last row",
    ),
    Guard("audit_head_is_kept", "audit_head", "DELETE", "OLD.id = 1", "the audit chain keeps its head"),
    Guard("seller_is_kept", "seller", "DELETE", "OLD.id = 1", "the seller is kept"),
]  # fmt: skip

APPEND_ONLY = {
    "posting": ("id", "ref"),
    "transfer": ("id",),
    "activity": ("id",),
    "allocation": ("id", "ref"),
    "planned_allocation": ("id",),
    "audit_row": ("id", "sequence"),
    "document": ("id", "invoice_id"),
    "link": ("id", "token_hash"),
    "link_revocation": ("id", "link_id"),
    "ledger_account": ("code",),
    "submission": ("id",),
}

NEVER_REPLACED = {
    "payment": ("id", "reference", "intent_id", "charge_id", "attempt_id"),
    "attempt": ("id", "nonce", "session_id", "intent_id"),
    "mail": ("id", "key", "message_id"),
    "audit_head": ("id",),
}

BALANCE = """
    UPDATE invoice SET balance_minor = (SELECT SUM(
        CASE WHEN debit = 'receivable' THEN minor WHEN credit = 'receivable' THEN -minor ELSE 0 END)
        FROM transfer WHERE invoice_id = NEW.invoice_id)
    WHERE id = NEW.invoice_id AND (NEW.debit = 'receivable' OR NEW.credit = 'receivable');
    INSERT INTO customer_balance (customer_id, currency, receivable_minor, credit_minor)
        SELECT NEW.customer_id, NEW.currency, 0, 0
        WHERE NEW.customer_id IS NOT NULL
          AND NOT EXISTS (SELECT 1 FROM customer_balance
                          WHERE customer_id = NEW.customer_id AND currency = NEW.currency)
        {on_conflict};
    UPDATE customer_balance SET
        receivable_minor = receivable_minor
            + CASE WHEN NEW.debit = 'receivable' THEN NEW.minor ELSE 0 END
            - CASE WHEN NEW.credit = 'receivable' THEN NEW.minor ELSE 0 END,
        credit_minor = credit_minor
            + CASE WHEN NEW.credit = 'customer_credit' THEN NEW.minor ELSE 0 END
            - CASE WHEN NEW.debit = 'customer_credit' THEN NEW.minor ELSE 0 END
    WHERE customer_id = NEW.customer_id AND currency = NEW.currency;
"""


def up(migrator, db):
    for guard in GUARDS:
        install(db, guard)
    for table, keys in APPEND_ONLY.items():
        append_only(db, table, *keys)
    for table, keys in NEVER_REPLACED.items():
        never_replace(db, table, keys)
        never_truncate(db, table)
    never_replace(db, "invoice", ("id", "number", "position"), unless="status = 'draft'")
    for table in ("invoice", "invoice_line", "invoice_tax", "counter", "stripe_event"):
        never_truncate(db, table)
    if isinstance(db, PostgresqlDatabase):
        body = BALANCE.format(on_conflict="ON CONFLICT DO NOTHING")
        db.execute_sql(
            f"CREATE FUNCTION transfer_moves_balances() RETURNS trigger LANGUAGE plpgsql AS $body$ BEGIN {body}"
            " RETURN NULL; END $body$"
        )
        db.execute_sql(
            "CREATE TRIGGER transfer_moves_balances AFTER INSERT ON transfer"
            " FOR EACH ROW EXECUTE FUNCTION transfer_moves_balances()"
        )
    else:
        body = BALANCE.format(on_conflict="")
        db.execute_sql(f"CREATE TRIGGER transfer_moves_balances AFTER INSERT ON transfer BEGIN {body} END")

"""What the database itself refuses of credit notes, refunds, chargebacks, approvals, instalments and fees."""

from peewee import PostgresqlDatabase

from billing.migrations.guards import Guard, append_only, changed, install, never_replace, never_truncate, replace

FROZEN = changed(
    "customer_id", "number", "series", "series_number", "position", "currency", "issue_on", "due_on", "terms_days",
    "po", "subject", "notes", "discount_kind", "discount_value", "rounding_rule", "lines_minor", "discount_minor",
    "net_minor", "tax_minor", "total_minor", "search_text", "frozen", "frozen_sha256", "created_at", "created_by_id",
    "issued_at", "kind", "about_id", "replaces_id", "early_days", "early_ppm", "parts",
)  # fmt: skip

CREDIT_NOTE = changed(
    "customer_id", "invoice_id", "shape", "reason_code", "reason", "currency", "net_minor", "tax_minor", "total_minor",
    "created_at", "created_by",
)  # fmt: skip

FREE = (
    "(SELECT COALESCE(SUM(CASE WHEN credit IN ('customer_credit', 'suspense') THEN minor ELSE 0 END"
    " - CASE WHEN debit IN ('customer_credit', 'suspense') THEN minor ELSE 0 END), 0)"
    " FROM transfer WHERE {column} = NEW.{id})"
)
WRITTEN_OFF = (
    "(SELECT COALESCE(SUM(CASE WHEN debit = 'bad_debt' THEN minor WHEN credit = 'bad_debt' THEN -minor ELSE 0 END), 0)"
    " FROM transfer WHERE invoice_id = NEW.{id})"
)
GIVEN_BACK = "('created', 'pending', 'succeeded')"
DRAFT_PARENT = "(SELECT status FROM invoice WHERE id = {row}.invoice_id) <> 'draft'"
OPEN_CREDIT = "(SELECT status FROM credit_note WHERE id = {row}.credit_note_id) <> 'awaiting'"

REPLACED = [
    Guard(
        "invoice_issued_never_changes", "invoice", "UPDATE", f"OLD.status <> 'draft' AND {FROZEN}",
        "an issued invoice never changes",
    ),
    Guard(
        "invoice_void_had_no_effect", "invoice", "UPDATE",
        "OLD.status = 'issued' AND NEW.status = 'void' AND ("
        "EXISTS (SELECT 1 FROM allocation WHERE invoice_id = NEW.id)"
        " OR EXISTS (SELECT 1 FROM credit_note WHERE invoice_id = NEW.id AND status <> 'declined')"
        " OR EXISTS (SELECT 1 FROM write_off WHERE invoice_id = NEW.id AND status <> 'declined'))",
        "an invoice that money or a credit was applied to is credited, not voided",
    ),
    Guard(
        "payment_never_changes", "payment", "UPDATE",
        f"{changed('reference', 'currency', 'minor', 'received_at', 'kind')}"
        f" OR (OLD.customer_id IS NOT NULL AND {changed('customer_id')})"
        f" OR (OLD.intent_id IS NOT NULL AND {changed('intent_id')})"
        f" OR (OLD.charge_id IS NOT NULL AND {changed('charge_id')})"
        f" OR (OLD.attempt_id IS NOT NULL AND {changed('attempt_id')})"
        f" OR (OLD.fee_minor IS NOT NULL AND {changed('fee_minor')})"
        f" OR (OLD.reversed_at IS NOT NULL AND {changed('reversed_at')})",
        "a payment is a fact and never changes",
    ),
]  # fmt: skip

GUARDS = [
    # What is kept on rows for speed is what the ledger and the documents say.
    Guard(
        "invoice_sums_are_the_books", "invoice", "UPDATE",
        "(OLD.credited_minor <> NEW.credited_minor AND NEW.credited_minor IS DISTINCT FROM"
        " (SELECT COALESCE(SUM(total_minor), 0) FROM credit_note WHERE invoice_id = NEW.id AND status = 'issued'))"
        " OR (OLD.refunded_minor <> NEW.refunded_minor AND NEW.refunded_minor IS DISTINCT FROM"
        f" (SELECT COALESCE(SUM(minor), 0) FROM refund WHERE invoice_id = NEW.id AND status IN {GIVEN_BACK}))"
        f" OR (OLD.written_off_minor <> NEW.written_off_minor AND NEW.written_off_minor IS DISTINCT FROM {WRITTEN_OFF.format(id='id')})",
        "what was credited, refunded and written off is what the books say",
    ),
    Guard(
        "invoice_schedule_adds_up", "invoice", "UPDATE",
        "OLD.status = 'draft' AND NEW.status = 'issued' AND (NEW.parts <>"
        " (SELECT COUNT(*) FROM instalment WHERE invoice_id = NEW.id AND due_on IS NOT NULL) OR (NEW.parts > 0"
        " AND (SELECT SUM(minor) FROM instalment WHERE invoice_id = NEW.id) IS DISTINCT FROM NEW.total_minor))",
        "the instalments of an invoice add up to its total",
    ),
    Guard(
        "payment_free_is_the_ledgers", "payment", "UPDATE",
        f"OLD.free_minor <> NEW.free_minor AND NEW.free_minor IS DISTINCT FROM {FREE.format(column='payment_id', id='id')}",
        "what is left of a payment is what the ledger says",
    ),
    Guard(
        "transfer_names_its_credit_notes_customer", "transfer", "INSERT",
        "NEW.credit_note_id IS NOT NULL AND NOT EXISTS (SELECT 1 FROM credit_note WHERE id = NEW.credit_note_id"
        " AND customer_id = NEW.customer_id AND currency = NEW.currency AND status = 'issued')",
        "a transfer of a credit note is in its currency and its customer''s books",
    ),
    # Allocations: never more than there is, never across customers or currencies, never below nothing.
    Guard(
        "allocation_fits_payment", "allocation", "INSERT",
        "NEW.payment_id IS NOT NULL AND NOT ((SELECT COALESCE(SUM(minor), 0) FROM allocation WHERE payment_id = NEW.payment_id)"
        " + NEW.minor BETWEEN 0 AND (SELECT minor FROM payment WHERE id = NEW.payment_id))",
        "no more of a payment can be applied than came",
    ),
    Guard(
        "allocation_fits_credit_note", "allocation", "INSERT",
        "NEW.credit_note_id IS NOT NULL AND NOT ((SELECT COALESCE(SUM(minor), 0) FROM allocation"
        " WHERE credit_note_id = NEW.credit_note_id) + NEW.minor"
        " BETWEEN 0 AND (SELECT total_minor FROM credit_note WHERE id = NEW.credit_note_id))",
        "no more of a credit note can be applied than it credits",
    ),
    Guard(
        "allocation_takes_back_what_it_gave", "allocation", "INSERT",
        "NEW.minor < 0 AND (SELECT COALESCE(SUM(minor), 0) FROM allocation WHERE invoice_id = NEW.invoice_id"
        " AND (payment_id = NEW.payment_id OR credit_note_id = NEW.credit_note_id)) + NEW.minor < 0",
        "no more can be taken back from an invoice than was applied to it",
    ),
    Guard(
        "allocation_stays_with_customer", "allocation", "INSERT",
        "NOT EXISTS (SELECT 1 FROM invoice WHERE invoice.id = NEW.invoice_id AND invoice.status = 'issued' AND ("
        "EXISTS (SELECT 1 FROM payment WHERE payment.id = NEW.payment_id AND payment.customer_id = invoice.customer_id"
        " AND payment.currency = invoice.currency)"
        " OR EXISTS (SELECT 1 FROM credit_note WHERE credit_note.id = NEW.credit_note_id AND credit_note.status = 'issued'"
        " AND credit_note.customer_id = invoice.customer_id AND credit_note.currency = invoice.currency)))",
        "money is applied to issued invoices of its own customer and currency",
    ),
    # Credit notes: wait for approval or are issued, then never change.
    Guard("credit_note_begins_waiting", "credit_note", "INSERT", "NEW.status <> 'awaiting' OR NEW.free_minor <> 0", "a credit note begins without a number"),
    Guard("credit_note_is_kept", "credit_note", "DELETE", "OLD.id IS NOT NULL", "a credit note is kept for good"),
    Guard(
        "credit_note_never_changes", "credit_note", "UPDATE",
        f"{CREDIT_NOTE} OR (OLD.status <> 'awaiting' AND ("
        f"{changed('status', 'number', 'series', 'series_number', 'issue_on', 'frozen', 'frozen_sha256', 'issued_at', 'destinations')}))",
        "a credit note never changes",
    ),
    Guard(
        "credit_note_adds_up", "credit_note", "UPDATE",
        "OLD.status = 'awaiting' AND NEW.status = 'issued' AND NOT COALESCE("
        "NEW.net_minor = (SELECT SUM(base_minor) FROM credit_note_tax WHERE credit_note_id = NEW.id)"
        " AND NEW.tax_minor = (SELECT SUM(tax_minor) FROM credit_note_tax WHERE credit_note_id = NEW.id), FALSE)",
        "the taxes of a credit note add up to its totals",
    ),
    Guard(
        "credit_note_number_is_next", "credit_note", "UPDATE",
        "OLD.status = 'awaiting' AND NEW.status = 'issued'"
        " AND (SELECT value FROM counter WHERE key = NEW.series) IS DISTINCT FROM NEW.series_number",
        "a credit note takes the next number of its series",
    ),
    Guard(
        "credit_note_free_is_the_ledgers", "credit_note", "UPDATE",
        f"OLD.free_minor <> NEW.free_minor AND NEW.free_minor IS DISTINCT FROM {FREE.format(column='credit_note_id', id='id')}",
        "what is left of a credit note is what the ledger says",
    ),
    Guard("credit_note_line_added", "credit_note_line", "INSERT", OPEN_CREDIT.format(row="NEW"), "lines of an issued credit note never change"),
    Guard("credit_note_tax_added", "credit_note_tax", "INSERT", OPEN_CREDIT.format(row="NEW"), "taxes of an issued credit note never change"),
    # Refunds: facts, moving one way; a settled one may still fail.
    Guard(
        "refund_never_changes", "refund", "UPDATE",
        f"{changed('reference', 'customer_id', 'payment_id', 'credit_note_id', 'invoice_id', 'currency', 'minor', 'method', 'reason', 'created_at', 'created_by')}"
        f" OR (OLD.stripe_id IS NOT NULL AND {changed('stripe_id')})"
        f" OR (OLD.status IN ('failed', 'declined') AND {changed('status')})"
        " OR (NEW.status = 'awaiting' AND OLD.status <> 'awaiting')",
        "a refund keeps what it is about and how it ended",
    ),
    Guard("refund_is_kept", "refund", "DELETE", "OLD.id IS NOT NULL", "a refund is kept for good"),
    Guard(
        "refund_fits_payment", "refund", "INSERT",
        f"NEW.method = 'original' AND NEW.status IN {GIVEN_BACK}"
        " AND (SELECT COALESCE(SUM(minor), 0) FROM refund WHERE payment_id = NEW.payment_id AND method = 'original'"
        f" AND status IN {GIVEN_BACK}) + NEW.minor > (SELECT minor FROM payment WHERE id = NEW.payment_id)",
        "no more of a payment can be given back than came",
    ),
    Guard(
        "refund_approved_fits_payment", "refund", "UPDATE",
        f"NEW.method = 'original' AND OLD.status = 'awaiting' AND NEW.status IN {GIVEN_BACK}"
        " AND (SELECT COALESCE(SUM(minor), 0) FROM refund WHERE payment_id = NEW.payment_id AND method = 'original'"
        f" AND status IN {GIVEN_BACK} AND id <> NEW.id) + NEW.minor > (SELECT minor FROM payment WHERE id = NEW.payment_id)",
        "no more of a payment can be given back than came",
    ),
    # Approvals: decided once, by somebody else.
    Guard(
        "approval_is_decided_once", "approval", "UPDATE",
        f"{changed('credit_note_id', 'refund_id', 'write_off_id', 'minor', 'currency', 'requested_by_id', 'requested_at')}"
        f" OR (OLD.decided_at IS NOT NULL AND {changed('decided_by_id', 'decided_at', 'approved', 'note')})",
        "an approval is decided once",
    ),
    Guard("approval_is_kept", "approval", "DELETE", "OLD.id IS NOT NULL", "an approval is kept for good"),
    Guard(
        "write_off_never_changes", "write_off", "UPDATE",
        f"{changed('invoice_id', 'minor', 'currency', 'reason', 'created_by', 'created_at')}"
        f" OR (OLD.status IN ('declined', 'reversed') AND {changed('status')})",
        "a write-off keeps what it is about and how it ended",
    ),
    Guard("write_off_is_kept", "write_off", "DELETE", "OLD.id IS NOT NULL", "a write-off is kept for good"),
    # Instalments freeze with their invoice.
    Guard("instalment_added", "instalment", "INSERT", DRAFT_PARENT.format(row="NEW"), "instalments of an issued invoice never change"),
    Guard(
        "instalment_changed", "instalment", "UPDATE",
        f"{DRAFT_PARENT.format(row='OLD')} OR {DRAFT_PARENT.format(row='NEW')}",
        "instalments of an issued invoice never change",
    ),
    Guard("instalment_removed", "instalment", "DELETE", DRAFT_PARENT.format(row="OLD"), "instalments of an issued invoice never change"),
    # Fees, chargebacks, autopay: what happened stays.
    Guard(
        "fee_charge_never_changes", "fee_charge", "UPDATE",
        f"{changed('invoice_id', 'kind', 'from_on', 'until_on', 'fee_invoice_id', 'minor', 'words')}"
        f" OR (OLD.waived_at IS NOT NULL AND {changed('waived_at', 'waived_by', 'waive_reason')})",
        "a fee keeps what it is about",
    ),
    Guard("fee_charge_is_kept", "fee_charge", "DELETE", "OLD.id IS NOT NULL", "a fee is kept for good"),
    Guard(
        "chargeback_never_changes", "chargeback", "UPDATE", changed("id", "payment_id", "currency", "minor", "opened_at"),
        "a chargeback keeps what it is about",
    ),
    Guard("chargeback_is_kept", "chargeback", "DELETE", "OLD.id IS NOT NULL", "a chargeback is kept for good"),
    Guard(
        "autopay_consent_stays", "autopay", "UPDATE",
        f"{changed('customer_id', 'consent', 'consent_version', 'consented_by', 'consented_at', 'ip')}"
        f" OR (OLD.ended_at IS NOT NULL AND {changed('ended_at', 'ended_because')})",
        "a consent keeps its words",
    ),
    Guard("autopay_is_kept", "autopay", "DELETE", "OLD.id IS NOT NULL", "a consent is kept for good"),
    Guard(
        "autopay_run_stays", "autopay_run", "UPDATE",
        f"{changed('run_key', 'invoice_id', 'attempt_id', 'try_number', 'at')}",
        "a run of autopay keeps what it is about",
    ),
    Guard("autopay_run_is_kept", "autopay_run", "DELETE", "OLD.id IS NOT NULL", "a run of autopay is kept for good"),
]  # fmt: skip

APPEND_ONLY = {
    "allocation": ("id", "ref"),
    "document": ("id", "invoice_id", "credit_note_id", "payment_id"),
    "planned_credit": ("id",),
    "credit_note_line": ("id",),
    "credit_note_tax": ("id",),
    "chargeback_movement": ("id",),
}

NEVER_REPLACED = {
    "credit_note": ("id", "number"),
    "refund": ("id", "reference", "stripe_id"),
    "approval": ("id", "credit_note_id", "refund_id", "write_off_id"),
    "write_off": ("id",),
    "chargeback": ("id",),
    "fee_charge": ("id", "fee_invoice_id"),
    "autopay": ("id",),
    "autopay_run": ("id", "run_key", "attempt_id"),
}

MOVED = """
    UPDATE invoice SET balance_minor = (SELECT SUM(
        CASE WHEN debit = 'receivable' THEN minor WHEN credit = 'receivable' THEN -minor ELSE 0 END)
        FROM transfer WHERE invoice_id = NEW.invoice_id)
    WHERE id = NEW.invoice_id AND (NEW.debit = 'receivable' OR NEW.credit = 'receivable');
    UPDATE invoice SET next_due_on = COALESCE((SELECT part.due_on FROM instalment part
        WHERE part.invoice_id = NEW.invoice_id AND (SELECT SUM(before.minor) FROM instalment before
            WHERE before.invoice_id = part.invoice_id AND before.position <= part.position) > total_minor - balance_minor
        ORDER BY part.position LIMIT 1), due_on)
    WHERE id = NEW.invoice_id AND (NEW.debit = 'receivable' OR NEW.credit = 'receivable')
      AND EXISTS (SELECT 1 FROM instalment WHERE invoice_id = NEW.invoice_id);
    UPDATE invoice SET written_off_minor = {written_off}
    WHERE id = NEW.invoice_id AND (NEW.debit = 'bad_debt' OR NEW.credit = 'bad_debt');
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
    UPDATE payment SET free_minor = {payment_free} WHERE id = NEW.payment_id
      AND (NEW.debit IN ('customer_credit', 'suspense') OR NEW.credit IN ('customer_credit', 'suspense'));
    UPDATE credit_note SET free_minor = {credit_free} WHERE id = NEW.credit_note_id
      AND (NEW.debit = 'customer_credit' OR NEW.credit = 'customer_credit');
"""


def up(migrator, db):
    for guard in REPLACED:
        replace(db, guard)
    for guard in GUARDS:
        install(db, guard)
    for table, keys in APPEND_ONLY.items():
        append_only(db, table, *keys)
    for table, keys in NEVER_REPLACED.items():
        never_replace(db, table, keys)
        never_truncate(db, table)
    never_truncate(db, "instalment")
    body = MOVED.format(
        on_conflict="ON CONFLICT DO NOTHING" if isinstance(db, PostgresqlDatabase) else "",
        written_off=WRITTEN_OFF.format(id="invoice_id"),
        payment_free=FREE.format(column="payment_id", id="payment_id"),
        credit_free=FREE.format(column="credit_note_id", id="credit_note_id"),
    )
    if isinstance(db, PostgresqlDatabase):
        db.execute_sql(
            f"CREATE OR REPLACE FUNCTION transfer_moves_balances() RETURNS trigger LANGUAGE plpgsql AS $body$ BEGIN {body}"
            " RETURN NULL; END $body$"
        )
    else:
        db.execute_sql("DROP TRIGGER transfer_moves_balances")
        db.execute_sql(f"CREATE TRIGGER transfer_moves_balances AFTER INSERT ON transfer BEGIN {body} END")

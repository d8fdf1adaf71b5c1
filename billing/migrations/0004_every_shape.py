"""Credit notes, refunds, chargebacks, saved cards, write-offs, approvals, instalments and fees: their tables.

Money may now be applied from a payment or from a credit note, and both keep what is left of them (`free_minor`),
moved by the ledger as the balance of an invoice is. PDFs may be of invoices, credit notes and payments.
"""

from peewee import SqliteDatabase

from billing.migrations.dialect import count_on, create
from billing.migrations.guards import drop_triggers

MONEY = "BETWEEN -1000000000000000 AND 1000000000000000"

NEW_TABLES = [
    """CREATE TABLE credit_note (
        id {key},
        customer_id INTEGER NOT NULL REFERENCES customer (id),
        invoice_id INTEGER NOT NULL REFERENCES invoice (id),
        replacement_id INTEGER REFERENCES invoice (id),
        status TEXT NOT NULL CHECK (status IN ('awaiting', 'issued', 'declined')),
        shape TEXT NOT NULL CHECK (shape IN ('full', 'lines', 'amount')),
        reason_code TEXT NOT NULL CHECK (length(reason_code) BETWEEN 1 AND 40),
        reason TEXT NOT NULL CHECK (length(reason) BETWEEN 1 AND 500),
        destinations {json} NOT NULL,
        number TEXT {bytewise} UNIQUE,
        series TEXT,
        series_number BIGINT,
        currency TEXT NOT NULL CHECK (length(currency) = 3),
        issue_on DATE,
        net_minor BIGINT NOT NULL CHECK (net_minor {money}),
        tax_minor BIGINT NOT NULL CHECK (tax_minor {money}),
        total_minor BIGINT NOT NULL CHECK (total_minor = net_minor + tax_minor AND total_minor > 0),
        free_minor BIGINT NOT NULL DEFAULT 0 CHECK (free_minor >= 0 AND free_minor <= total_minor),
        frozen {json},
        frozen_sha256 TEXT,
        created_at {instant} NOT NULL,
        created_by TEXT NOT NULL,
        issued_at {instant},
        CONSTRAINT credit_note_issued_is_numbered CHECK (
            (status = 'issued') = (number IS NOT NULL)
            AND (status = 'issued') = (series_number IS NOT NULL)
            AND (status = 'issued') = (issue_on IS NOT NULL)
            AND (status = 'issued') = (issued_at IS NOT NULL)
            AND (status = 'issued') = (frozen IS NOT NULL)),
        UNIQUE (series, series_number)
    )""",
    "CREATE INDEX credit_note_customer ON credit_note (customer_id, id)",
    "CREATE INDEX credit_note_invoice ON credit_note (invoice_id, id)",
    "CREATE INDEX credit_note_free ON credit_note (customer_id, currency, id) WHERE free_minor > 0",
    "CREATE INDEX credit_note_replacement ON credit_note (replacement_id)",
    """CREATE TABLE credit_note_line (
        id {key},
        credit_note_id INTEGER NOT NULL REFERENCES credit_note (id),
        position INTEGER NOT NULL CHECK (position BETWEEN 1 AND 10000),
        invoice_line_id INTEGER REFERENCES invoice_line (id),
        description TEXT NOT NULL CHECK (length(description) BETWEEN 1 AND 500),
        quantity TEXT NOT NULL,
        unit TEXT NOT NULL,
        unit_price TEXT NOT NULL,
        tax_category TEXT NOT NULL CHECK (tax_category IN ('S', 'Z', 'E', 'AE', 'K', 'G', 'O')),
        tax_rate_ppm INTEGER NOT NULL CHECK (tax_rate_ppm BETWEEN 0 AND 1000000),
        tax_reason TEXT NOT NULL,
        net_minor BIGINT NOT NULL CHECK (net_minor {money}),
        UNIQUE (credit_note_id, position)
    )""",
    "CREATE INDEX credit_note_line_of ON credit_note_line (invoice_line_id)",
    """CREATE TABLE credit_note_tax (
        id {key},
        credit_note_id INTEGER NOT NULL REFERENCES credit_note (id),
        position INTEGER NOT NULL,
        category TEXT NOT NULL CHECK (category IN ('S', 'Z', 'E', 'AE', 'K', 'G', 'O')),
        rate_ppm INTEGER NOT NULL CHECK (rate_ppm BETWEEN 0 AND 1000000),
        reason TEXT NOT NULL,
        base_minor BIGINT NOT NULL CHECK (base_minor {money}),
        tax_minor BIGINT NOT NULL CHECK (tax_minor {money}),
        UNIQUE (credit_note_id, category, rate_ppm, reason)
    )""",
    """CREATE TABLE planned_credit (
        id {key},
        attempt_id TEXT NOT NULL REFERENCES attempt (id),
        invoice_id INTEGER NOT NULL REFERENCES invoice (id),
        payment_id INTEGER REFERENCES payment (id),
        credit_note_id INTEGER REFERENCES credit_note (id),
        minor BIGINT NOT NULL CHECK (minor > 0),
        CHECK ((payment_id IS NULL) <> (credit_note_id IS NULL))
    )""",
    "CREATE INDEX planned_credit_attempt ON planned_credit (attempt_id)",
    "CREATE INDEX planned_credit_invoice ON planned_credit (invoice_id)",
    "CREATE INDEX planned_credit_payment ON planned_credit (payment_id)",
    "CREATE INDEX planned_credit_credit_note ON planned_credit (credit_note_id)",
    """CREATE TABLE refund (
        id {key},
        reference TEXT NOT NULL UNIQUE,
        customer_id INTEGER REFERENCES customer (id),
        payment_id INTEGER REFERENCES payment (id),
        credit_note_id INTEGER REFERENCES credit_note (id),
        invoice_id INTEGER REFERENCES invoice (id),
        currency TEXT NOT NULL CHECK (length(currency) = 3),
        minor BIGINT NOT NULL CHECK (minor > 0),
        method TEXT NOT NULL CHECK (method IN ('original', 'bank', 'cheque', 'cash', 'other')),
        status TEXT NOT NULL CHECK (status IN ('awaiting', 'created', 'pending', 'succeeded', 'failed', 'declined')),
        stripe_id TEXT UNIQUE,
        reason TEXT NOT NULL CHECK (length(reason) BETWEEN 1 AND 500),
        failure TEXT NOT NULL,
        needs_review {bool} NOT NULL,
        created_at {instant} NOT NULL,
        created_by TEXT NOT NULL,
        settled_at {instant},
        CHECK (payment_id IS NOT NULL OR credit_note_id IS NOT NULL),
        CHECK (method <> 'original' OR payment_id IS NOT NULL)
    )""",
    "CREATE INDEX refund_payment ON refund (payment_id)",
    "CREATE INDEX refund_credit_note ON refund (credit_note_id)",
    "CREATE INDEX refund_invoice ON refund (invoice_id)",
    "CREATE INDEX refund_customer ON refund (customer_id, id)",
    "CREATE INDEX refund_unsettled ON refund (created_at) WHERE status IN ('created', 'pending')",
    """CREATE TABLE chargeback (
        id TEXT PRIMARY KEY NOT NULL,
        payment_id INTEGER NOT NULL REFERENCES payment (id),
        status TEXT NOT NULL,
        reason TEXT NOT NULL,
        currency TEXT NOT NULL CHECK (length(currency) = 3),
        minor BIGINT NOT NULL CHECK (minor > 0),
        withdrawn_minor BIGINT NOT NULL CHECK (withdrawn_minor {money}),
        is_refundable {bool} NOT NULL,
        respond_by {instant},
        opened_at {instant} NOT NULL,
        closed_at {instant},
        checked_at {instant} NOT NULL
    )""",
    "CREATE INDEX chargeback_payment ON chargeback (payment_id)",
    """CREATE TABLE chargeback_movement (
        id TEXT PRIMARY KEY NOT NULL,
        chargeback_id TEXT NOT NULL REFERENCES chargeback (id),
        minor BIGINT NOT NULL CHECK (minor {money}),
        fee_minor BIGINT NOT NULL CHECK (fee_minor {money}),
        currency TEXT NOT NULL CHECK (length(currency) = 3),
        at {instant} NOT NULL
    )""",
    "CREATE INDEX chargeback_movement_of ON chargeback_movement (chargeback_id)",
    """CREATE TABLE card (
        id {key},
        customer_id INTEGER NOT NULL REFERENCES customer (id),
        stripe_id TEXT NOT NULL UNIQUE,
        kind TEXT NOT NULL,
        words TEXT NOT NULL,
        expires_on DATE,
        added_by TEXT NOT NULL,
        added_at {instant} NOT NULL,
        default_since {instant},
        removed_at {instant}
    )""",
    "CREATE INDEX card_customer ON card (customer_id, id)",
    """CREATE TABLE card_setup (
        id TEXT PRIMARY KEY NOT NULL,
        customer_id INTEGER NOT NULL REFERENCES customer (id),
        nonce TEXT NOT NULL UNIQUE,
        asked_by TEXT NOT NULL,
        asked_by_name TEXT NOT NULL,
        turns_on_autopay {bool} NOT NULL,
        consent TEXT NOT NULL,
        ip TEXT NOT NULL,
        status TEXT NOT NULL CHECK (status IN ('created', 'open', 'succeeded', 'failed', 'expired')),
        session_id TEXT UNIQUE,
        url TEXT,
        card_id INTEGER REFERENCES card (id),
        created_at {instant} NOT NULL,
        expires_at {instant} NOT NULL
    )""",
    "CREATE INDEX card_setup_customer ON card_setup (customer_id)",
    "CREATE INDEX card_setup_unsettled ON card_setup (created_at) WHERE status IN ('created', 'open')",
    """CREATE TABLE autopay (
        id {key},
        customer_id INTEGER NOT NULL REFERENCES customer (id),
        card_id INTEGER NOT NULL REFERENCES card (id),
        consent TEXT NOT NULL CHECK (length(consent) > 0),
        consent_version TEXT NOT NULL,
        consented_by TEXT NOT NULL,
        consented_at {instant} NOT NULL,
        ip TEXT NOT NULL,
        ended_at {instant},
        ended_because TEXT NOT NULL
    )""",
    "CREATE UNIQUE INDEX autopay_live ON autopay (customer_id) WHERE ended_at IS NULL",
    """CREATE TABLE autopay_run (
        id {key},
        run_key TEXT NOT NULL UNIQUE,
        invoice_id INTEGER NOT NULL REFERENCES invoice (id),
        attempt_id TEXT NOT NULL UNIQUE REFERENCES attempt (id),
        try_number INTEGER NOT NULL CHECK (try_number BETWEEN 1 AND 4),
        outcome TEXT NOT NULL CHECK (outcome IN ('', 'paid', 'processing', 'declined', 'needs_person', 'stopped', 'mistake')),
        next_on DATE,
        at {instant} NOT NULL
    )""",
    "CREATE INDEX autopay_run_invoice ON autopay_run (invoice_id, id)",
    "CREATE INDEX autopay_run_unsettled ON autopay_run (id) WHERE outcome IN ('', 'processing')",
    """CREATE TABLE write_off (
        id {key},
        invoice_id INTEGER NOT NULL REFERENCES invoice (id),
        minor BIGINT NOT NULL CHECK (minor > 0),
        currency TEXT NOT NULL CHECK (length(currency) = 3),
        reason TEXT NOT NULL CHECK (length(reason) BETWEEN 1 AND 500),
        status TEXT NOT NULL CHECK (status IN ('awaiting', 'written_off', 'declined', 'reversed')),
        created_by TEXT NOT NULL,
        created_at {instant} NOT NULL,
        reversed_at {instant},
        reverse_reason TEXT NOT NULL
    )""",
    "CREATE INDEX write_off_invoice ON write_off (invoice_id)",
    "CREATE UNIQUE INDEX write_off_live ON write_off (invoice_id) WHERE status IN ('awaiting', 'written_off')",
    """CREATE TABLE approval (
        id {key},
        credit_note_id INTEGER UNIQUE REFERENCES credit_note (id),
        refund_id INTEGER UNIQUE REFERENCES refund (id),
        write_off_id INTEGER UNIQUE REFERENCES write_off (id),
        customer_id INTEGER REFERENCES customer (id),
        minor BIGINT NOT NULL CHECK (minor > 0),
        currency TEXT NOT NULL CHECK (length(currency) = 3),
        requested_by_id INTEGER NOT NULL REFERENCES users (id),
        requested_at {instant} NOT NULL,
        decided_by_id INTEGER REFERENCES users (id),
        decided_at {instant},
        approved {bool},
        note TEXT NOT NULL,
        CONSTRAINT approval_is_about_one_thing CHECK (
            (CASE WHEN credit_note_id IS NULL THEN 0 ELSE 1 END) + (CASE WHEN refund_id IS NULL THEN 0 ELSE 1 END)
            + (CASE WHEN write_off_id IS NULL THEN 0 ELSE 1 END) = 1),
        CONSTRAINT approval_takes_two CHECK (decided_by_id <> requested_by_id),
        CHECK ((decided_by_id IS NULL) = (decided_at IS NULL) AND (decided_by_id IS NULL) = (approved IS NULL))
    )""",
    "CREATE INDEX approval_open ON approval (id) WHERE decided_at IS NULL",
    """CREATE TABLE instalment (
        id {key},
        invoice_id INTEGER NOT NULL REFERENCES invoice (id),
        position INTEGER NOT NULL CHECK (position BETWEEN 1 AND 60),
        due_on DATE,
        ppm INTEGER CHECK (ppm BETWEEN 1 AND 999999),
        minor BIGINT NOT NULL CHECK (minor > 0),
        CONSTRAINT instalment_is_dated CHECK (due_on IS NOT NULL OR position = 1),
        UNIQUE (invoice_id, position),
        UNIQUE (invoice_id, due_on)
    )""",
    """CREATE TABLE fee_charge (
        id {key},
        invoice_id INTEGER NOT NULL REFERENCES invoice (id),
        kind TEXT NOT NULL CHECK (kind IN ('late_fee', 'interest')),
        from_on DATE NOT NULL,
        until_on DATE NOT NULL CHECK (until_on > from_on),
        fee_invoice_id INTEGER NOT NULL UNIQUE REFERENCES invoice (id),
        minor BIGINT NOT NULL CHECK (minor > 0),
        words TEXT NOT NULL,
        waived_at {instant},
        waived_by TEXT NOT NULL,
        waive_reason TEXT NOT NULL,
        UNIQUE (invoice_id, kind, from_on)
    )""",
    """CREATE TABLE gateway_difference (
        id TEXT PRIMARY KEY NOT NULL,
        kind TEXT NOT NULL,
        words TEXT NOT NULL,
        minor BIGINT NOT NULL,
        currency TEXT NOT NULL CHECK (length(currency) = 3),
        payment_id INTEGER REFERENCES payment (id),
        found_at {instant} NOT NULL,
        resolved_at {instant},
        resolved_by TEXT NOT NULL,
        note TEXT NOT NULL
    )""",
    "CREATE INDEX gateway_difference_open ON gateway_difference (found_at) WHERE resolved_at IS NULL",
]

NEW_COLUMNS = [
    "ALTER TABLE transfer ADD COLUMN credit_note_id INTEGER REFERENCES credit_note (id)",
    "CREATE INDEX transfer_payment ON transfer (payment_id) WHERE payment_id IS NOT NULL",
    "CREATE INDEX transfer_credit_note ON transfer (credit_note_id) WHERE credit_note_id IS NOT NULL",
    "ALTER TABLE payment ADD COLUMN kind TEXT NOT NULL DEFAULT 'gateway' CHECK (kind IN ('gateway', 'manual'))",
    """ALTER TABLE payment ADD COLUMN free_minor BIGINT NOT NULL DEFAULT 0
        CHECK (free_minor >= 0 AND free_minor <= minor)""",
    "ALTER TABLE payment ADD COLUMN kept_reason TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE payment ADD COLUMN waiting {bool} NOT NULL DEFAULT {false}",
    "ALTER TABLE payment ADD COLUMN bank_reference TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE payment ADD COLUMN payer TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE payment ADD COLUMN recorded_by TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE payment ADD COLUMN reversed_at {instant}",
    "ALTER TABLE payment ADD COLUMN reverse_reason TEXT NOT NULL DEFAULT ''",
    "CREATE INDEX payment_waiting ON payment (id) WHERE waiting",
    "CREATE INDEX payment_free ON payment (customer_id, currency, id) WHERE free_minor > 0",
    """ALTER TABLE invoice ADD COLUMN kind TEXT NOT NULL DEFAULT 'invoice'
        CHECK (kind IN ('invoice', 'late_fee', 'interest'))""",
    "ALTER TABLE invoice ADD COLUMN about_id INTEGER REFERENCES invoice (id)",
    "ALTER TABLE invoice ADD COLUMN replaces_id INTEGER REFERENCES invoice (id)",
    "CREATE INDEX invoice_about ON invoice (about_id) WHERE about_id IS NOT NULL",
    "CREATE INDEX invoice_replaces ON invoice (replaces_id) WHERE replaces_id IS NOT NULL",
    "ALTER TABLE invoice ADD COLUMN early_days INTEGER NOT NULL DEFAULT 0 CHECK (early_days BETWEEN 0 AND 365)",
    "ALTER TABLE invoice ADD COLUMN early_ppm INTEGER NOT NULL DEFAULT 0 CHECK (early_ppm BETWEEN 0 AND 500000)",
    "ALTER TABLE invoice ADD COLUMN next_due_on DATE",
    "ALTER TABLE invoice ADD COLUMN parts INTEGER NOT NULL DEFAULT 0 CHECK (parts BETWEEN 0 AND 60)",
    "DROP INDEX invoice_customer_open",
    """CREATE INDEX invoice_customer_open ON invoice (customer_id, next_due_on, id, balance_minor, currency, parts)
        WHERE balance_minor > 0""",
    "DROP INDEX invoice_open_due",
    "CREATE INDEX invoice_open_due ON invoice (next_due_on, id) WHERE balance_minor > 0",
    "ALTER TABLE customer ADD COLUMN late_fees {bool} NOT NULL DEFAULT {true}",
    "ALTER TABLE invoice ADD COLUMN skips_autopay {bool} NOT NULL DEFAULT {false}",
    """ALTER TABLE invoice ADD COLUMN credited_minor BIGINT NOT NULL DEFAULT 0
        CHECK (credited_minor >= 0 AND credited_minor <= total_minor)""",
    "ALTER TABLE invoice ADD COLUMN refunded_minor BIGINT NOT NULL DEFAULT 0 CHECK (refunded_minor >= 0)",
    "ALTER TABLE invoice ADD COLUMN written_off_minor BIGINT NOT NULL DEFAULT 0 CHECK (written_off_minor >= 0)",
    "CREATE INDEX invoice_credited ON invoice (position) WHERE credited_minor > 0",
    "CREATE INDEX invoice_written_off ON invoice (position) WHERE written_off_minor > 0",
    "ALTER TABLE attempt ADD COLUMN kind TEXT NOT NULL DEFAULT 'checkout' CHECK (kind IN ('checkout', 'saved_card', 'autopay'))",
    "ALTER TABLE attempt ADD COLUMN card_id INTEGER REFERENCES card (id)",
    "ALTER TABLE mail ADD COLUMN credit_note_id INTEGER REFERENCES credit_note (id)",
    "ALTER TABLE mail ADD COLUMN payment_id INTEGER REFERENCES payment (id)",
    "ALTER TABLE seller ADD COLUMN least_part_minor BIGINT NOT NULL DEFAULT 100 CHECK (least_part_minor >= 0)",
    "ALTER TABLE seller ADD COLUMN approval_over_minor BIGINT CHECK (approval_over_minor >= 0)",
    "ALTER TABLE seller ADD COLUMN late_fee {json} NOT NULL DEFAULT '{empty}'",
    "ALTER TABLE seller ADD COLUMN early_days INTEGER NOT NULL DEFAULT 0 CHECK (early_days BETWEEN 0 AND 365)",
    "ALTER TABLE seller ADD COLUMN early_ppm INTEGER NOT NULL DEFAULT 0 CHECK (early_ppm BETWEEN 0 AND 500000)",
    "ALTER TABLE seller ADD COLUMN methods {json} NOT NULL DEFAULT '[]'",
    "ALTER TABLE seller ADD COLUMN gateway_identity TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE seller ADD COLUMN credit_prefix TEXT NOT NULL DEFAULT 'CN' CHECK (length(credit_prefix) BETWEEN 1 AND 12)",
    """INSERT INTO ledger_account (code, name, side) VALUES
        ('bank', 'Bank and cash', 'debit'),
        ('bad_debt', 'Bad debt written off', 'debit'),
        ('fee_income', 'Late fees and interest', 'credit')""",
]

FILLED = [
    "UPDATE invoice SET next_due_on = due_on WHERE status <> 'draft'",
    """UPDATE payment SET free_minor = COALESCE((SELECT SUM(
            CASE WHEN credit IN ('customer_credit', 'suspense') THEN minor ELSE 0 END
            - CASE WHEN debit IN ('customer_credit', 'suspense') THEN minor ELSE 0 END)
        FROM transfer WHERE payment_id = payment.id), 0)""",
    """UPDATE payment SET waiting = {true}, kept_reason = (SELECT MIN(reason) FROM allocation
            WHERE payment_id = payment.id AND invoice_id IS NULL)
        WHERE EXISTS (SELECT 1 FROM allocation WHERE payment_id = payment.id AND invoice_id IS NULL)""",
]

# SQLite cannot loosen a column, so these three are made anew with their rows.
REMADE = {
    "allocation": (
        """CREATE TABLE {name} (
            id {key},
            payment_id INTEGER REFERENCES payment (id),
            credit_note_id INTEGER REFERENCES credit_note (id),
            invoice_id INTEGER NOT NULL REFERENCES invoice (id),
            minor BIGINT NOT NULL CHECK (minor <> 0),
            reason TEXT NOT NULL CHECK (length(reason) > 0),
            ref TEXT NOT NULL UNIQUE,
            at {instant} NOT NULL,
            CHECK ((payment_id IS NULL) <> (credit_note_id IS NULL))
        )""",
        "id, payment_id, invoice_id, minor, reason, ref, at",
        "invoice_id IS NOT NULL",
        [
            "CREATE INDEX allocation_payment ON allocation (payment_id)",
            "CREATE INDEX allocation_credit_note ON allocation (credit_note_id)",
            "CREATE INDEX allocation_invoice ON allocation (invoice_id)",
        ],
    ),
    "rendering": (
        """CREATE TABLE {name} (
            id {key},
            invoice_id INTEGER UNIQUE REFERENCES invoice (id),
            credit_note_id INTEGER UNIQUE REFERENCES credit_note (id),
            payment_id INTEGER UNIQUE REFERENCES payment (id),
            state TEXT NOT NULL CHECK (state IN ('queued', 'drawing', 'stored', 'failed')),
            attempts INTEGER NOT NULL CHECK (attempts >= 0),
            due_at {instant} NOT NULL,
            lease_until {instant},
            lease_token TEXT,
            error TEXT NOT NULL,
            snapshot {json},
            CHECK ((CASE WHEN invoice_id IS NULL THEN 0 ELSE 1 END) + (CASE WHEN credit_note_id IS NULL THEN 0 ELSE 1 END)
                + (CASE WHEN payment_id IS NULL THEN 0 ELSE 1 END) = 1)
        )""",
        "id, invoice_id, state, attempts, due_at, lease_until, lease_token, error",
        "",
        ["CREATE INDEX rendering_due ON rendering (due_at) WHERE state IN ('queued', 'drawing')"],
    ),
    "document": (
        """CREATE TABLE {name} (
            id {key},
            invoice_id INTEGER UNIQUE REFERENCES invoice (id),
            credit_note_id INTEGER UNIQUE REFERENCES credit_note (id),
            payment_id INTEGER UNIQUE REFERENCES payment (id),
            media_type TEXT NOT NULL,
            sha256 TEXT NOT NULL CHECK (length(sha256) = 64),
            size BIGINT NOT NULL CHECK (size > 0),
            content {blob} NOT NULL,
            stored_at {instant} NOT NULL,
            CHECK ((CASE WHEN invoice_id IS NULL THEN 0 ELSE 1 END) + (CASE WHEN credit_note_id IS NULL THEN 0 ELSE 1 END)
                + (CASE WHEN payment_id IS NULL THEN 0 ELSE 1 END) = 1)
        )""",
        "id, invoice_id, media_type, sha256, size, content, stored_at",
        "",
        [],
    ),
}


def up(migrator, db):
    for view in ("v_ledger_legs", "v_allocations", "v_numbers"):  # made again by 0006, over the new columns
        db.execute_sql(f"DROP VIEW {view}")
    create(db, [table.replace("{money}", MONEY) for table in NEW_TABLES])
    create(db, NEW_COLUMNS)
    create(db, FILLED)
    if isinstance(db, SqliteDatabase):  # or the renaming would look for the old table in every other trigger
        db.execute_sql("PRAGMA legacy_alter_table = ON")
    for table, (made, columns, kept, indexes) in REMADE.items():
        drop_triggers(db, table)
        create(db, [made.replace("{name}", f"new_{table}")])
        where = f" WHERE {kept}" if kept else ""
        db.execute_sql(f"INSERT INTO new_{table} ({columns}) SELECT {columns} FROM {table}{where} ORDER BY id")
        db.execute_sql(f"DROP TABLE {table}")
        db.execute_sql(f"ALTER TABLE new_{table} RENAME TO {table}")
        create(db, indexes)
        count_on(db, table)
    if isinstance(db, SqliteDatabase):
        db.execute_sql("PRAGMA legacy_alter_table = OFF")

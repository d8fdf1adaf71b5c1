"""Every table of the first release, with its keys and checks."""

from billing.migrations.dialect import create

MONEY = "BETWEEN -1000000000000000 AND 1000000000000000"

TABLES = [
    """CREATE TABLE seller (
        id INTEGER PRIMARY KEY CHECK (id = 1),
        name TEXT NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
        legal_name TEXT NOT NULL CHECK (length(legal_name) BETWEEN 1 AND 200),
        address {json} NOT NULL,
        country TEXT NOT NULL CHECK (length(country) = 2),
        tax_id TEXT NOT NULL,
        registration TEXT NOT NULL,
        email TEXT NOT NULL,
        phone TEXT NOT NULL,
        bank {json} NOT NULL,
        currency TEXT NOT NULL CHECK (length(currency) = 3),
        time_zone TEXT NOT NULL,
        locale TEXT NOT NULL,
        terms_days INTEGER NOT NULL CHECK (terms_days BETWEEN 0 AND 365),
        terms_text TEXT NOT NULL,
        rounding_rule TEXT NOT NULL CHECK (rounding_rule IN ('per_tax_group', 'per_line')),
        number_prefix TEXT NOT NULL CHECK (length(number_prefix) BETWEEN 1 AND 12),
        version INTEGER NOT NULL
    )""",
    """CREATE TABLE customer (
        id {key},
        name TEXT NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
        legal_name TEXT NOT NULL CHECK (length(legal_name) BETWEEN 1 AND 200),
        search_name TEXT NOT NULL,
        address {json} NOT NULL,
        country TEXT NOT NULL CHECK (length(country) = 2),
        tax_id TEXT NOT NULL,
        currency TEXT NOT NULL CHECK (length(currency) = 3),
        locale TEXT NOT NULL,
        terms_days INTEGER NOT NULL CHECK (terms_days BETWEEN 0 AND 365),
        stripe_id TEXT UNIQUE,
        version INTEGER NOT NULL,
        created_at {instant} NOT NULL
    )""",
    "CREATE INDEX customer_search_name ON customer (search_name, id)",
    """CREATE TABLE contact (
        id {key},
        customer_id INTEGER NOT NULL REFERENCES customer (id),
        name TEXT NOT NULL,
        email TEXT NOT NULL CHECK (email = lower(email) AND length(email) BETWEEN 3 AND 254),
        receives_invoices {bool} NOT NULL,
        removed_at {instant},
        UNIQUE (customer_id, email)
    )""",
    "CREATE INDEX contact_email ON contact (email)",
    """CREATE TABLE customer_balance (
        customer_id INTEGER NOT NULL REFERENCES customer (id),
        currency TEXT NOT NULL CHECK (length(currency) = 3),
        receivable_minor BIGINT NOT NULL CHECK (receivable_minor >= 0),
        credit_minor BIGINT NOT NULL CHECK (credit_minor >= 0),
        PRIMARY KEY (customer_id, currency)
    )""",
    """CREATE TABLE users (
        id {key},
        email TEXT NOT NULL UNIQUE CHECK (email = lower(email) AND length(email) BETWEEN 3 AND 254),
        name TEXT NOT NULL,
        role TEXT CHECK (role IN ('admin', 'approver', 'viewer')),
        password_hash TEXT,
        created_at {instant} NOT NULL,
        disabled_at {instant}
    )""",
    """CREATE TABLE membership (
        id {key},
        user_id INTEGER NOT NULL REFERENCES users (id),
        customer_id INTEGER NOT NULL REFERENCES customer (id),
        UNIQUE (user_id, customer_id)
    )""",
    "CREATE INDEX membership_customer ON membership (customer_id)",
    """CREATE TABLE session (
        id {key},
        token_hash TEXT NOT NULL UNIQUE,
        user_id INTEGER NOT NULL REFERENCES users (id),
        customer_id INTEGER REFERENCES customer (id),
        face TEXT NOT NULL CHECK (face IN ('portal', 'admin')),
        created_at {instant} NOT NULL,
        seen_at {instant} NOT NULL,
        expires_at {instant} NOT NULL,
        ended_at {instant}
    )""",
    "CREATE INDEX session_of_user ON session (user_id)",
    """CREATE TABLE sign_in_code (
        id {key},
        email TEXT NOT NULL,
        user_id INTEGER NOT NULL REFERENCES users (id),
        code_hash TEXT NOT NULL,
        created_at {instant} NOT NULL,
        expires_at {instant} NOT NULL,
        tries INTEGER NOT NULL CHECK (tries BETWEEN 0 AND 100),
        used_at {instant}
    )""",
    "CREATE INDEX sign_in_code_email ON sign_in_code (email, id)",
    """CREATE TABLE try (
        id {key},
        kind TEXT NOT NULL,
        key TEXT NOT NULL,
        at {instant} NOT NULL
    )""",
    "CREATE INDEX try_key ON try (kind, key, at)",
    "CREATE INDEX try_at ON try (at)",
    """CREATE TABLE submission (
        id TEXT PRIMARY KEY NOT NULL CHECK (length(id) BETWEEN 16 AND 64),
        person TEXT NOT NULL,
        request_hash TEXT NOT NULL,
        outcome TEXT NOT NULL,
        at {instant} NOT NULL
    )""",
    """CREATE TABLE counter (
        key TEXT PRIMARY KEY NOT NULL,
        value BIGINT NOT NULL CHECK (value >= 0),
        last_on DATE
    )""",
    """CREATE TABLE invoice (
        id {key},
        customer_id INTEGER NOT NULL REFERENCES customer (id),
        status TEXT NOT NULL CHECK (status IN ('draft', 'issued', 'void')),
        number TEXT {bytewise} UNIQUE,
        series TEXT,
        series_number BIGINT,
        position BIGINT UNIQUE,
        currency TEXT NOT NULL CHECK (length(currency) = 3),
        issue_on DATE,
        due_on DATE,
        terms_days INTEGER NOT NULL CHECK (terms_days BETWEEN 0 AND 365),
        po TEXT NOT NULL,
        subject TEXT NOT NULL,
        notes TEXT NOT NULL,
        discount_kind TEXT NOT NULL CHECK (discount_kind IN ('', 'percent', 'fixed')),
        discount_value BIGINT NOT NULL CHECK (discount_value >= 0),
        rounding_rule TEXT NOT NULL CHECK (rounding_rule IN ('per_tax_group', 'per_line')),
        lines_minor BIGINT NOT NULL CHECK (lines_minor {money}),
        discount_minor BIGINT NOT NULL CHECK (discount_minor {money}),
        net_minor BIGINT NOT NULL CHECK (net_minor = lines_minor - discount_minor),
        tax_minor BIGINT NOT NULL CHECK (tax_minor {money}),
        total_minor BIGINT NOT NULL CHECK (total_minor = net_minor + tax_minor AND total_minor >= 0),
        balance_minor BIGINT NOT NULL CHECK (balance_minor >= 0 AND balance_minor <= total_minor),
        search_text TEXT NOT NULL,
        frozen {json},
        frozen_sha256 TEXT,
        version INTEGER NOT NULL,
        created_at {instant} NOT NULL,
        created_by_id INTEGER REFERENCES users (id),
        issued_at {instant},
        sent_at {instant},
        paid_at {instant},
        voided_at {instant},
        void_reason TEXT NOT NULL,
        viewed_at {instant},
        CONSTRAINT invoice_draft_has_no_number CHECK (
            (status = 'draft') = (number IS NULL)
            AND (status = 'draft') = (position IS NULL)
            AND (status = 'draft') = (issued_at IS NULL)
            AND (status = 'draft') = (frozen IS NULL)
            AND (status <> 'draft' OR balance_minor = 0)),
        CONSTRAINT invoice_issued_is_dated CHECK (status = 'draft' OR (issue_on IS NOT NULL AND due_on >= issue_on)),
        CONSTRAINT invoice_void_owes_nothing CHECK (
            (status = 'void') = (voided_at IS NOT NULL)
            AND (status <> 'void' OR (balance_minor = 0 AND length(void_reason) > 0))),
        UNIQUE (series, series_number)
    )""",
    "CREATE INDEX invoice_customer_position ON invoice (customer_id, position)",
    "CREATE INDEX invoice_customer_open ON invoice (customer_id, due_on, id, balance_minor, currency) WHERE balance_minor > 0",
    """CREATE INDEX invoice_customer_paid ON invoice (customer_id, position)
        WHERE balance_minor = 0 AND status = 'issued'""",
    "CREATE INDEX invoice_open_due ON invoice (due_on, id) WHERE balance_minor > 0",
    "CREATE INDEX invoice_drafts ON invoice (id) WHERE status = 'draft'",
    "CREATE INDEX invoice_voids ON invoice (position) WHERE status = 'void'",
    "CREATE INDEX invoice_open ON invoice (position) WHERE balance_minor > 0",
    "CREATE INDEX invoice_paid ON invoice (position) WHERE balance_minor = 0 AND status = 'issued'",
    """CREATE TABLE invoice_line (
        id {key},
        invoice_id INTEGER NOT NULL REFERENCES invoice (id),
        position INTEGER NOT NULL CHECK (position BETWEEN 1 AND 10000),
        description TEXT NOT NULL CHECK (length(description) BETWEEN 1 AND 500),
        detail TEXT NOT NULL,
        quantity TEXT NOT NULL,
        unit TEXT NOT NULL,
        unit_price TEXT NOT NULL,
        discount_kind TEXT NOT NULL CHECK (discount_kind IN ('', 'percent', 'fixed')),
        discount_value BIGINT NOT NULL CHECK (discount_value >= 0),
        tax_category TEXT NOT NULL CHECK (tax_category IN ('S', 'Z', 'E', 'AE', 'K', 'G', 'O')),
        tax_rate_ppm INTEGER NOT NULL CHECK (tax_rate_ppm BETWEEN 0 AND 1000000),
        tax_reason TEXT NOT NULL,
        gross_minor BIGINT NOT NULL CHECK (gross_minor {money}),
        discount_minor BIGINT NOT NULL CHECK (discount_minor {money}),
        net_minor BIGINT NOT NULL CHECK (net_minor = gross_minor - discount_minor),
        UNIQUE (invoice_id, position)
    )""",
    """CREATE TABLE invoice_tax (
        id {key},
        invoice_id INTEGER NOT NULL REFERENCES invoice (id),
        position INTEGER NOT NULL,
        category TEXT NOT NULL CHECK (category IN ('S', 'Z', 'E', 'AE', 'K', 'G', 'O')),
        rate_ppm INTEGER NOT NULL CHECK (rate_ppm BETWEEN 0 AND 1000000),
        reason TEXT NOT NULL,
        base_minor BIGINT NOT NULL CHECK (base_minor {money}),
        tax_minor BIGINT NOT NULL CHECK (tax_minor {money}),
        UNIQUE (invoice_id, category, rate_ppm, reason)
    )""",
    """CREATE TABLE activity (
        id {key},
        invoice_id INTEGER NOT NULL REFERENCES invoice (id),
        sequence INTEGER NOT NULL CHECK (sequence >= 1),
        kind TEXT NOT NULL,
        from_status TEXT,
        to_status TEXT,
        facts {json} NOT NULL,
        customer_sees {bool} NOT NULL,
        actor TEXT NOT NULL,
        at {instant} NOT NULL,
        UNIQUE (invoice_id, sequence)
    )""",
    """CREATE TABLE attempt (
        id TEXT PRIMARY KEY NOT NULL,
        customer_id INTEGER NOT NULL REFERENCES customer (id),
        payer TEXT NOT NULL,
        payer_name TEXT NOT NULL,
        currency TEXT NOT NULL CHECK (length(currency) = 3),
        minor BIGINT NOT NULL CHECK (minor > 0),
        status TEXT NOT NULL CHECK (status IN
            ('created', 'open', 'processing', 'succeeded', 'failed', 'expired', 'superseded')),
        nonce TEXT NOT NULL UNIQUE,
        session_id TEXT UNIQUE,
        url TEXT,
        intent_id TEXT UNIQUE,
        failure TEXT NOT NULL,
        created_at {instant} NOT NULL,
        expires_at {instant} NOT NULL,
        checked_at {instant}
    )""",
    "CREATE INDEX attempt_customer ON attempt (customer_id)",
    """CREATE INDEX attempt_unsettled ON attempt (created_at)
        WHERE status IN ('created', 'open', 'processing')""",
    """CREATE TABLE planned_allocation (
        id {key},
        attempt_id TEXT NOT NULL REFERENCES attempt (id),
        invoice_id INTEGER NOT NULL REFERENCES invoice (id),
        minor BIGINT NOT NULL CHECK (minor > 0),
        UNIQUE (attempt_id, invoice_id)
    )""",
    "CREATE INDEX planned_allocation_invoice ON planned_allocation (invoice_id)",
    """CREATE TABLE payment (
        id {key},
        reference TEXT NOT NULL UNIQUE,
        intent_id TEXT UNIQUE,
        charge_id TEXT UNIQUE,
        attempt_id TEXT UNIQUE REFERENCES attempt (id),
        customer_id INTEGER REFERENCES customer (id),
        currency TEXT NOT NULL CHECK (length(currency) = 3),
        minor BIGINT NOT NULL CHECK (minor > 0),
        fee_minor BIGINT CHECK (fee_minor >= 0),
        method TEXT NOT NULL,
        received_at {instant} NOT NULL
    )""",
    "CREATE INDEX payment_customer ON payment (customer_id, id)",
    """CREATE TABLE allocation (
        id {key},
        payment_id INTEGER NOT NULL REFERENCES payment (id),
        invoice_id INTEGER REFERENCES invoice (id),
        minor BIGINT NOT NULL CHECK (minor <> 0),
        reason TEXT NOT NULL CHECK (length(reason) > 0),
        ref TEXT NOT NULL UNIQUE,
        at {instant} NOT NULL
    )""",
    "CREATE INDEX allocation_payment ON allocation (payment_id)",
    "CREATE INDEX allocation_invoice ON allocation (invoice_id)",
    """CREATE TABLE stripe_event (
        id TEXT PRIMARY KEY NOT NULL,
        type TEXT NOT NULL,
        object_id TEXT NOT NULL,
        livemode {bool} NOT NULL,
        api_version TEXT NOT NULL,
        status TEXT NOT NULL CHECK (status IN ('received', 'processed', 'ignored', 'failed', 'wrong_mode')),
        attempts INTEGER NOT NULL,
        error TEXT NOT NULL,
        payload TEXT NOT NULL,
        created_at {instant} NOT NULL,
        received_at {instant} NOT NULL
    )""",
    "CREATE INDEX stripe_event_unsettled ON stripe_event (received_at) WHERE status IN ('received', 'failed')",
    """CREATE TABLE ledger_account (
        code TEXT PRIMARY KEY NOT NULL,
        name TEXT NOT NULL,
        side TEXT NOT NULL CHECK (side IN ('debit', 'credit'))
    )""",
    """CREATE TABLE posting (
        id {key},
        ref TEXT NOT NULL UNIQUE,
        kind TEXT NOT NULL,
        effective_on DATE NOT NULL,
        posted_at {instant} NOT NULL
    )""",
    """CREATE TABLE transfer (
        id {key},
        posting_id INTEGER NOT NULL REFERENCES posting (id),
        debit TEXT NOT NULL REFERENCES ledger_account (code),
        credit TEXT NOT NULL REFERENCES ledger_account (code),
        minor BIGINT NOT NULL CHECK (minor > 0 AND minor <= 1000000000000000),
        currency TEXT NOT NULL CHECK (length(currency) = 3),
        customer_id INTEGER REFERENCES customer (id),
        invoice_id INTEGER REFERENCES invoice (id),
        payment_id INTEGER REFERENCES payment (id),
        effective_on DATE NOT NULL,
        posted_at {instant} NOT NULL,
        CHECK (debit <> credit)
    )""",
    "CREATE INDEX transfer_posting ON transfer (posting_id)",
    "CREATE INDEX transfer_invoice ON transfer (invoice_id)",
    "CREATE INDEX transfer_customer ON transfer (customer_id, effective_on)",
    """CREATE TABLE mail (
        id {key},
        event TEXT NOT NULL,
        key TEXT NOT NULL UNIQUE,
        recipient TEXT NOT NULL,
        recipient_name TEXT NOT NULL,
        context {json} NOT NULL,
        customer_id INTEGER REFERENCES customer (id),
        invoice_id INTEGER REFERENCES invoice (id),
        message_id TEXT NOT NULL UNIQUE,
        state TEXT NOT NULL CHECK (state IN ('queued', 'sending', 'accepted', 'refused', 'dead')),
        attempts INTEGER NOT NULL CHECK (attempts >= 0),
        due_at {instant} NOT NULL,
        lease_until {instant},
        lease_token TEXT,
        error TEXT NOT NULL,
        queued_at {instant} NOT NULL,
        accepted_at {instant},
        CHECK ((state = 'accepted') = (accepted_at IS NOT NULL))
    )""",
    "CREATE INDEX mail_due ON mail (due_at) WHERE state IN ('queued', 'sending')",
    "CREATE INDEX mail_invoice ON mail (invoice_id)",
    """CREATE TABLE rendering (
        id {key},
        invoice_id INTEGER NOT NULL UNIQUE REFERENCES invoice (id),
        state TEXT NOT NULL CHECK (state IN ('queued', 'drawing', 'stored', 'failed')),
        attempts INTEGER NOT NULL CHECK (attempts >= 0),
        due_at {instant} NOT NULL,
        lease_until {instant},
        lease_token TEXT,
        error TEXT NOT NULL
    )""",
    "CREATE INDEX rendering_due ON rendering (due_at) WHERE state IN ('queued', 'drawing')",
    """CREATE TABLE document (
        id {key},
        invoice_id INTEGER NOT NULL UNIQUE REFERENCES invoice (id),
        media_type TEXT NOT NULL,
        sha256 TEXT NOT NULL CHECK (length(sha256) = 64),
        size BIGINT NOT NULL CHECK (size > 0),
        content {blob} NOT NULL,
        stored_at {instant} NOT NULL
    )""",
    """CREATE TABLE link (
        id TEXT PRIMARY KEY NOT NULL,
        invoice_id INTEGER NOT NULL REFERENCES invoice (id),
        contact_id INTEGER REFERENCES contact (id),
        recipient TEXT NOT NULL,
        token_hash TEXT NOT NULL UNIQUE,
        created_at {instant} NOT NULL,
        expires_at {instant} NOT NULL
    )""",
    "CREATE INDEX link_invoice ON link (invoice_id)",
    """CREATE TABLE link_revocation (
        id {key},
        link_id TEXT NOT NULL UNIQUE REFERENCES link (id),
        at {instant} NOT NULL,
        by TEXT NOT NULL
    )""",
    """CREATE TABLE audit_row (
        id {key},
        sequence INTEGER NOT NULL UNIQUE CHECK (sequence >= 1),
        at {instant} NOT NULL,
        actor TEXT NOT NULL,
        action TEXT NOT NULL,
        subject TEXT NOT NULL,
        facts TEXT NOT NULL,
        request_id TEXT NOT NULL,
        previous_hash TEXT NOT NULL,
        hash TEXT NOT NULL
    )""",
    "CREATE INDEX audit_row_subject ON audit_row (subject, sequence)",
    """CREATE TABLE audit_head (
        id INTEGER PRIMARY KEY CHECK (id = 1),
        sequence INTEGER NOT NULL,
        hash TEXT NOT NULL
    )""",
    "INSERT INTO audit_head (id, sequence, hash) VALUES (1, 0, '')",
    """INSERT INTO ledger_account (code, name, side) VALUES
        ('receivable', 'Accounts receivable', 'debit'),
        ('revenue', 'Revenue', 'credit'),
        ('tax_payable', 'Tax payable', 'credit'),
        ('customer_credit', 'Customer credit (money not yet applied)', 'credit'),
        ('card_clearing', 'Card clearing (Stripe)', 'debit'),
        ('card_fees', 'Card fees', 'debit'),
        ('suspense', 'Suspense (payer unknown)', 'credit')""",
]


def up(migrator, db):
    create(db, [table.replace("{money}", MONEY) for table in TABLES])

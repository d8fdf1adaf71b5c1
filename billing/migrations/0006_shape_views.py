"""The read-only views over the wider tables: docs/views.md tells their columns."""

VIEWS = {
    "v_ledger_legs": """
        SELECT t.id AS transfer_id, p.id AS posting_id, p.ref, p.kind, t.debit AS account, t.minor AS minor, t.currency,
               t.customer_id, t.invoice_id, t.payment_id, t.credit_note_id, t.effective_on, t.posted_at
        FROM transfer t JOIN posting p ON p.id = t.posting_id
        UNION ALL
        SELECT t.id, p.id, p.ref, p.kind, t.credit, -t.minor, t.currency,
               t.customer_id, t.invoice_id, t.payment_id, t.credit_note_id, t.effective_on, t.posted_at
        FROM transfer t JOIN posting p ON p.id = t.posting_id""",
    "v_allocations": """
        SELECT a.id AS allocation_id, p.reference AS payment, c.number AS credit_note,
               COALESCE(p.customer_id, c.customer_id) AS customer_id, i.number AS invoice,
               i.currency, a.minor, a.reason, a.ref, a.at
        FROM allocation a JOIN invoice i ON i.id = a.invoice_id
        LEFT JOIN payment p ON p.id = a.payment_id LEFT JOIN credit_note c ON c.id = a.credit_note_id""",
    "v_numbers": """
        SELECT series, series_number, number, status, issue_on, issued_at FROM invoice WHERE status <> 'draft'
        UNION ALL
        SELECT series, series_number, number, status, issue_on, issued_at FROM credit_note WHERE status = 'issued'""",
    "v_credit_notes": """
        SELECT c.id AS credit_note_id, c.number, c.status, c.customer_id, i.number AS invoice, c.currency,
               c.total_minor, c.free_minor, c.reason_code, c.issue_on
        FROM credit_note c JOIN invoice i ON i.id = c.invoice_id""",
    "v_payments": """
        SELECT id AS payment_id, reference, kind, method, customer_id, currency, minor, free_minor, fee_minor,
               kept_reason, waiting, received_at, reversed_at
        FROM payment""",
    "v_refunds": """
        SELECT r.id AS refund_id, r.reference, p.reference AS payment, c.number AS credit_note, i.number AS invoice,
               r.customer_id, r.currency, r.minor, r.method, r.status, r.stripe_id, r.created_at, r.settled_at
        FROM refund r LEFT JOIN payment p ON p.id = r.payment_id
        LEFT JOIN credit_note c ON c.id = r.credit_note_id LEFT JOIN invoice i ON i.id = r.invoice_id""",
    "v_chargebacks": """
        SELECT m.id AS movement_id, b.id AS chargeback_id, p.reference AS payment, p.customer_id, b.status,
               m.currency, m.minor, m.fee_minor, m.at
        FROM chargeback_movement m JOIN chargeback b ON b.id = m.chargeback_id JOIN payment p ON p.id = b.payment_id""",
}


def up(migrator, db):
    for name, query in VIEWS.items():
        db.execute_sql(f"CREATE VIEW {name} AS {query}")

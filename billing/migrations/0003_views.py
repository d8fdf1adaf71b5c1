"""Read-only views, so that anyone can check the books from outside. Columns are documented in docs/views.md."""

VIEWS = {
    "v_ledger_legs": """
        SELECT t.id AS transfer_id, p.id AS posting_id, p.ref, p.kind, t.debit AS account, t.minor AS minor,
               t.currency, t.customer_id, t.invoice_id, t.payment_id, t.effective_on, t.posted_at
        FROM transfer t JOIN posting p ON p.id = t.posting_id
        UNION ALL
        SELECT t.id, p.id, p.ref, p.kind, t.credit, -t.minor,
               t.currency, t.customer_id, t.invoice_id, t.payment_id, t.effective_on, t.posted_at
        FROM transfer t JOIN posting p ON p.id = t.posting_id""",
    "v_invoice_balance": """
        SELECT i.id AS invoice_id, i.number, i.status, i.customer_id, i.currency, i.total_minor, i.balance_minor,
               COALESCE((SELECT SUM(CASE WHEN t.debit = 'receivable' THEN t.minor
                                         WHEN t.credit = 'receivable' THEN -t.minor ELSE 0 END)
                         FROM transfer t WHERE t.invoice_id = i.id), 0) AS ledger_minor
        FROM invoice i WHERE i.status <> 'draft'""",
    "v_allocations": """
        SELECT a.id AS allocation_id, p.reference AS payment, p.customer_id, i.number AS invoice, p.currency,
               a.minor, a.reason, a.ref, a.at
        FROM allocation a JOIN payment p ON p.id = a.payment_id LEFT JOIN invoice i ON i.id = a.invoice_id""",
    "v_numbers": """
        SELECT series, series_number, number, status, issue_on, issued_at FROM invoice WHERE status <> 'draft'""",
    "v_stripe_events": """
        SELECT id, type, object_id, livemode, api_version, status, attempts, error, created_at, received_at
        FROM stripe_event""",
    "v_outbox": """
        SELECT id, event, key, recipient, invoice_id, message_id, state, attempts, due_at, queued_at, accepted_at, error
        FROM mail""",
    "v_transitions": """
        SELECT a.invoice_id, i.number, a.sequence, a.from_status, a.to_status, a.actor, a.at
        FROM activity a JOIN invoice i ON i.id = a.invoice_id WHERE a.to_status IS NOT NULL""",
    "v_audit": """
        SELECT sequence, at, actor, action, subject, facts, request_id, previous_hash, hash FROM audit_row""",
}


def up(migrator, db):
    for name, query in VIEWS.items():
        db.execute_sql(f"CREATE VIEW {name} AS {query}")

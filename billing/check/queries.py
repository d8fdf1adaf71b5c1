"""What `flask check` asks of the rows: each query must find nothing."""

LEDGER_BALANCE = (
    "COALESCE((SELECT SUM(CASE WHEN t.debit = 'receivable' THEN t.minor"
    " WHEN t.credit = 'receivable' THEN -t.minor ELSE 0 END) FROM transfer t WHERE t.invoice_id = i.id), 0)"
)
APPLIED = "COALESCE((SELECT SUM(a.minor) FROM allocation a WHERE a.invoice_id = i.id), 0)"


GIVEN_BACK = "('created', 'pending', 'succeeded')"
_FREE = (
    "COALESCE((SELECT SUM(CASE WHEN t.credit IN ('customer_credit', 'suspense') THEN t.minor ELSE 0 END"
    " - CASE WHEN t.debit IN ('customer_credit', 'suspense') THEN t.minor ELSE 0 END)"
    " FROM transfer t WHERE t.{column} = {row}.id), 0)"
)
FREE_OF_PAYMENT = _FREE.format(column="payment_id", row="p")
FREE_OF_CREDIT_NOTE = _FREE.format(column="credit_note_id", row="c")
# What left customer credit or suspense for good: refunds, chargebacks and reversals, less what came back of them.
LEFT_THE_HOUSE = (
    "COALESCE((SELECT SUM(CASE WHEN t.debit IN ('customer_credit', 'suspense') THEN t.minor ELSE -t.minor END)"
    " FROM transfer t JOIN posting g ON g.id = t.posting_id WHERE t.{column} = {row}.id"
    " AND (t.debit IN ('card_clearing', 'bank', 'bad_debt') OR t.credit IN ('card_clearing', 'bank', 'bad_debt'))"
    " AND (t.debit IN ('customer_credit', 'suspense') OR t.credit IN ('customer_credit', 'suspense'))"
    " AND g.kind <> 'payment_received'), 0)"
)

# Each row: the invariant, the words (the first column of the answer is put in), and a query that finds nothing.
QUERIES = (
    ("I1", "Posting {} moves nothing.",
     "SELECT p.ref FROM posting p LEFT JOIN transfer t ON t.posting_id = p.id WHERE t.id IS NULL"),
    ("I1", "Transfer {} does not carry the dates of its posting.",
     ("SELECT t.id FROM transfer t JOIN posting p ON p.id = t.posting_id"
     " WHERE t.effective_on <> p.effective_on OR t.posted_at <> p.posted_at")),
    ("I1", "The legs in {} do not add up to nothing.",
     "SELECT currency FROM v_ledger_legs GROUP BY currency HAVING SUM(minor) <> 0"),
    ("I2", "Invoice {} shows a balance that the ledger does not.",
     f"SELECT i.number FROM invoice i WHERE i.balance_minor <> {LEDGER_BALANCE}"),
    ("I2", "Customer {} shows a receivable that is not the sum of its invoices.",
     ("SELECT b.customer_id FROM customer_balance b WHERE b.receivable_minor <> COALESCE((SELECT SUM(i.balance_minor)"
     " FROM invoice i WHERE i.customer_id = b.customer_id AND i.currency = b.currency), 0)")),
    ("I2", "Customer {} shows a credit that the ledger does not.",
     ("SELECT b.customer_id FROM customer_balance b WHERE b.credit_minor <> COALESCE((SELECT SUM("
     "CASE WHEN t.credit = 'customer_credit' THEN t.minor WHEN t.debit = 'customer_credit' THEN -t.minor ELSE 0 END)"
     " FROM transfer t WHERE t.customer_id = b.customer_id AND t.currency = b.currency), 0)")),
    ("I3", "Invoice {} owes less than nothing, or more than its total.",
     "SELECT number FROM invoice WHERE balance_minor < 0 OR balance_minor > total_minor"),
    ("I2", "Payment {} keeps another rest than the ledger says.",
     f"SELECT p.reference FROM payment p WHERE p.free_minor <> {FREE_OF_PAYMENT}"),
    ("I2", "Credit note {} keeps another rest than the ledger says.",
     f"SELECT c.number FROM credit_note c WHERE c.free_minor <> {FREE_OF_CREDIT_NOTE}"),
    ("I2", "Customer {} has another credit than what is left of payments and credit notes.",
     ("SELECT b.customer_id FROM customer_balance b WHERE b.credit_minor <>"
     " COALESCE((SELECT SUM(p.free_minor) FROM payment p WHERE p.customer_id = b.customer_id AND p.currency = b.currency), 0)"
     " + COALESCE((SELECT SUM(c.free_minor) FROM credit_note c"
     " WHERE c.customer_id = b.customer_id AND c.currency = b.currency), 0)")),
    ("I3", "Invoice {} is void and still owes or was paid.",
     f"SELECT i.number FROM invoice i WHERE i.status = 'void' AND (i.balance_minor <> 0 OR {APPLIED} <> 0)"),
    ("I3", "Invoice {} is paid or not, but its payment date says otherwise.",
     "SELECT number FROM invoice WHERE status = 'issued' AND (balance_minor = 0) <> (paid_at IS NOT NULL)"),
    ("I4", "Payment {} is not wholly explained by what is applied, given back, taken back and left.",
     ("SELECT p.reference FROM payment p WHERE p.minor <> p.free_minor"
     " + COALESCE((SELECT SUM(a.minor) FROM allocation a WHERE a.payment_id = p.id), 0)"
     f" + {LEFT_THE_HOUSE.format(column='payment_id', row='p')}")),
    ("I4", "Credit note {} is not wholly explained by what is applied, given back and left.",
     ("SELECT c.number FROM credit_note c WHERE c.status = 'issued' AND c.total_minor <> c.free_minor"
     " + COALESCE((SELECT SUM(a.minor) FROM allocation a WHERE a.credit_note_id = c.id), 0)"
     f" + {LEFT_THE_HOUSE.format(column='credit_note_id', row='c')}")),
    ("I4", "Allocation {} crosses customers or currencies.",
     ("SELECT a.ref FROM allocation a JOIN invoice i ON i.id = a.invoice_id"
     " LEFT JOIN payment p ON p.id = a.payment_id LEFT JOIN credit_note c ON c.id = a.credit_note_id"
     " WHERE i.customer_id <> COALESCE(p.customer_id, c.customer_id) OR i.currency <> COALESCE(p.currency, c.currency)")),
    ("I4", "Invoice {} has less applied to it from one source than nothing.",
     ("SELECT i.number FROM allocation a JOIN invoice i ON i.id = a.invoice_id"
     " GROUP BY i.number, a.payment_id, a.credit_note_id HAVING SUM(a.minor) < 0")),
    ("I4", "Invoice {} has allocations that its ledger does not show.",
     ("SELECT i.number FROM invoice i WHERE i.status = 'issued'"
     f" AND i.total_minor - i.balance_minor - i.written_off_minor <> {APPLIED}")),
    ("I4", "Payment {} was given back beyond what came.",
     ("SELECT p.reference FROM payment p JOIN refund r ON r.payment_id = p.id AND r.method = 'original'"
     f" AND r.status IN {GIVEN_BACK} GROUP BY p.id, p.reference, p.minor HAVING SUM(r.minor) > p.minor")),
    ("I4", "Invoice {} is credited, refunded or written off otherwise than its documents say.",
     ("SELECT i.number FROM invoice i WHERE i.status <> 'draft' AND (i.credited_minor <> COALESCE((SELECT SUM(c.total_minor)"
     " FROM credit_note c WHERE c.invoice_id = i.id AND c.status = 'issued'), 0)"
     f" OR i.refunded_minor <> COALESCE((SELECT SUM(r.minor) FROM refund r WHERE r.invoice_id = i.id AND r.status IN {GIVEN_BACK}), 0)"
     " OR i.written_off_minor <> COALESCE((SELECT SUM(CASE WHEN t.debit = 'bad_debt' THEN t.minor WHEN t.credit = 'bad_debt'"
     " THEN -t.minor ELSE 0 END) FROM transfer t WHERE t.invoice_id = i.id), 0))")),
    ("I4", "Invoice {} is credited beyond a tax group of its own.",
     ("SELECT i.number FROM credit_note c JOIN credit_note_tax x ON x.credit_note_id = c.id JOIN invoice i ON i.id = c.invoice_id"
     " LEFT JOIN invoice_tax g ON g.invoice_id = i.id AND g.category = x.category AND g.rate_ppm = x.rate_ppm AND g.reason = x.reason"
     " WHERE c.status = 'issued' GROUP BY i.number, g.id, g.base_minor, g.tax_minor"
     " HAVING g.id IS NULL OR SUM(x.base_minor) NOT BETWEEN CASE WHEN g.base_minor < 0 THEN g.base_minor ELSE 0 END"
     " AND CASE WHEN g.base_minor < 0 THEN 0 ELSE g.base_minor END"
     " OR SUM(x.tax_minor) NOT BETWEEN CASE WHEN g.tax_minor < 0 THEN g.tax_minor ELSE 0 END"
     " AND CASE WHEN g.tax_minor < 0 THEN 0 ELSE g.tax_minor END")),
    ("I4", "Invoice {} has a line that was credited beyond what it came to.",
     ("SELECT i.number FROM credit_note c JOIN credit_note_line x ON x.credit_note_id = c.id JOIN invoice i ON i.id = c.invoice_id"
     " JOIN invoice_line l ON l.id = x.invoice_line_id WHERE c.status = 'issued'"
     " GROUP BY i.number, l.id, l.net_minor HAVING ABS(SUM(x.net_minor)) > ABS(l.net_minor) OR SUM(x.net_minor) * l.net_minor < 0")),
    ("I4", "Invoice {} was credited in full, but not tax group by tax group.",
     ("SELECT i.number FROM invoice i JOIN invoice_tax g ON g.invoice_id = i.id WHERE i.status = 'issued'"
     " AND i.total_minor > 0 AND i.credited_minor = i.total_minor"
     " AND (g.base_minor <> COALESCE((SELECT SUM(x.base_minor) FROM credit_note_tax x JOIN credit_note c ON c.id = x.credit_note_id"
     " WHERE c.invoice_id = i.id AND c.status = 'issued' AND x.category = g.category AND x.rate_ppm = g.rate_ppm AND x.reason = g.reason), 0)"
     " OR g.tax_minor <> COALESCE((SELECT SUM(x.tax_minor) FROM credit_note_tax x JOIN credit_note c ON c.id = x.credit_note_id"
     " WHERE c.invoice_id = i.id AND c.status = 'issued' AND x.category = g.category AND x.rate_ppm = g.rate_ppm AND x.reason = g.reason), 0))")),
    ("I4", "Credit note {} was issued while its invoice was written off.",
     ("SELECT c.number FROM credit_note c JOIN posting n ON n.ref = 'credit_note:' || c.id || ':issue'"
      " JOIN write_off w ON w.invoice_id = c.invoice_id JOIN posting p ON p.ref = 'write_off:' || w.id || ':write' AND p.id < n.id"
      " LEFT JOIN posting b ON b.ref = 'write_off:' || w.id || ':reverse' WHERE b.id IS NULL OR b.id > n.id")),
    ("I4", "Chargeback {} was not booked movement by movement.",
     ("SELECT b.id FROM chargeback b WHERE b.withdrawn_minor <>"
     " -COALESCE((SELECT SUM(m.minor) FROM chargeback_movement m WHERE m.chargeback_id = b.id), 0)")),
    ("I5", "Credit note {} has taxes that do not add up to it.",
     ("SELECT c.number FROM credit_note c WHERE c.status = 'issued' AND (c.net_minor <>"
     " (SELECT SUM(x.base_minor) FROM credit_note_tax x WHERE x.credit_note_id = c.id)"
     " OR c.tax_minor <> (SELECT SUM(x.tax_minor) FROM credit_note_tax x WHERE x.credit_note_id = c.id))")),
    ("I5", "Credit note {} has lines that do not add up to it.",
     ("SELECT c.number FROM credit_note c WHERE c.status = 'issued' AND c.net_minor <>"
     " COALESCE((SELECT SUM(l.net_minor) FROM credit_note_line l WHERE l.credit_note_id = c.id), 0)")),
    ("I5", "Invoice {} has instalments that do not add up to it.",
     ("SELECT i.number FROM invoice i LEFT JOIN instalment p ON p.invoice_id = i.id WHERE i.status <> 'draft'"
     " GROUP BY i.id, i.number, i.total_minor, i.parts"
     " HAVING COUNT(p.id) <> i.parts OR (i.parts > 0 AND SUM(p.minor) <> i.total_minor)")),
    ("I3", "Invoice {} is due on another day than its instalments and what is paid of them say.",
     ("SELECT i.number FROM invoice i WHERE i.status = 'issued' AND (i.next_due_on IS NULL OR i.next_due_on <> COALESCE((SELECT p.due_on"
     " FROM instalment p WHERE p.invoice_id = i.id AND (SELECT SUM(b.minor) FROM instalment b WHERE b.invoice_id = i.id"
     " AND b.position <= p.position) > i.total_minor - i.balance_minor ORDER BY p.position LIMIT 1), i.due_on))")),
    ("I5", "Invoice {} has lines that do not add up to it.",
     ("SELECT i.number FROM invoice i WHERE i.status <> 'draft' AND (i.lines_minor <>"
     " (SELECT SUM(l.net_minor) FROM invoice_line l WHERE l.invoice_id = i.id)"
     " OR i.tax_minor <> (SELECT SUM(x.tax_minor) FROM invoice_tax x WHERE x.invoice_id = i.id)"
     " OR i.net_minor <> (SELECT SUM(x.base_minor) FROM invoice_tax x WHERE x.invoice_id = i.id))")),
    ("I6", "Series {} has a hole or a double.",
     ("SELECT series FROM v_numbers GROUP BY series"
     " HAVING COUNT(*) <> MAX(series_number) OR MIN(series_number) <> 1 OR COUNT(DISTINCT series_number) <> COUNT(*)")),
    ("I6", "Series {} does not end where its counter stands.",
     ("SELECT c.key FROM counter c WHERE c.value <>"
     " COALESCE((SELECT MAX(n.series_number) FROM v_numbers n WHERE n.series = c.key), 0)")),
    ("I6", "Document {} is dated before the number before it.",
     ("SELECT b.number FROM v_numbers a JOIN v_numbers b ON b.series = a.series AND b.series_number = a.series_number + 1"
     " WHERE b.issue_on < a.issue_on")),
    ("I7", "Payment {} is not in the ledger once, whole.",
     ("SELECT p.reference FROM payment p LEFT JOIN (SELECT payment_id, SUM(minor) AS came FROM transfer"
     " WHERE debit IN ('card_clearing', 'bank') AND credit IN ('customer_credit', 'suspense')"
     " AND posting_id IN (SELECT id FROM posting WHERE kind = 'payment_received') GROUP BY payment_id) t ON t.payment_id = p.id"
     " WHERE p.minor <> COALESCE(t.came, 0)")),
    ("I7", "Refund {} is not in the ledger once, whole, or not taken back where it failed.",
     ("SELECT r.reference FROM refund r WHERE"
     " CASE WHEN r.status IN ('created', 'pending', 'succeeded') THEN r.minor ELSE 0 END <> COALESCE((SELECT SUM("
     "CASE WHEN t.credit IN ('card_clearing', 'bank') THEN t.minor WHEN t.debit IN ('card_clearing', 'bank') THEN -t.minor"
     " ELSE 0 END) FROM transfer t JOIN posting g ON g.id = t.posting_id"
     " WHERE g.ref IN ('refund:' || r.reference, 'refund:' || r.reference || ':failed')), 0)")),
    ("I7", "Movement {} of a chargeback is not in the ledger once, whole.",
     ("SELECT m.id FROM chargeback_movement m WHERE m.minor <> COALESCE((SELECT SUM("
     "CASE WHEN t.debit = 'card_clearing' THEN t.minor WHEN t.credit = 'card_clearing' THEN -t.minor ELSE 0 END)"
     " FROM transfer t JOIN posting g ON g.id = t.posting_id WHERE g.ref = 'chargeback:' || m.id), 0)")),
    ("I7", "Attempt {} succeeded without a payment.",
     ("SELECT a.id FROM attempt a WHERE a.status = 'succeeded'"
     " AND NOT EXISTS (SELECT 1 FROM payment p WHERE p.attempt_id = a.id)")),
    ("I7", "Autopay run {} does not agree with its attempt.",
     ("SELECT r.run_key FROM autopay_run r JOIN attempt a ON a.id = r.attempt_id"
      " WHERE a.kind <> 'autopay' OR (r.outcome = 'paid' AND a.status <> 'succeeded')"
      " OR NOT EXISTS (SELECT 1 FROM planned_allocation p WHERE p.attempt_id = a.id AND p.invoice_id = r.invoice_id)")),
    ("I7", "Autopay attempt {} has no run.",
     ("SELECT a.id FROM attempt a WHERE a.kind = 'autopay'"
      " AND NOT EXISTS (SELECT 1 FROM autopay_run r WHERE r.attempt_id = a.id)")),
    ("I7", "Card {} was removed and still pays by itself.",
     ("SELECT c.stripe_id FROM autopay y JOIN card c ON c.id = y.card_id"
      " WHERE y.ended_at IS NULL AND (c.removed_at IS NOT NULL OR c.customer_id <> y.customer_id)")),
    ("I9", "Mail {} was accepted without a moment.",
     "SELECT key FROM mail WHERE (state = 'accepted') <> (accepted_at IS NOT NULL)"),
    ("I11", "Invoice {} lacks the history of its status.",
     ("SELECT i.number FROM invoice i WHERE i.status <> 'draft' AND i.status <> COALESCE((SELECT a.to_status"
     " FROM activity a WHERE a.invoice_id = i.id AND a.to_status IN ('issued', 'void')"
        " ORDER BY a.sequence DESC LIMIT 1), '')")),
    ("I11", "Invoice {} has a hole in its history.",
     "SELECT invoice_id FROM activity GROUP BY invoice_id HAVING COUNT(*) <> MAX(sequence)"),
    ("I14", "Link {} opens an invoice of another customer's contact.",
     ("SELECT l.id FROM link l JOIN contact c ON c.id = l.contact_id JOIN invoice i ON i.id = l.invoice_id"
     " WHERE c.customer_id <> i.customer_id")),
    ("I17", "The suspense account holds less than nothing in {}.",
     "SELECT currency FROM v_ledger_legs WHERE account = 'suspense' GROUP BY currency HAVING SUM(minor) > 0"),
)  # fmt: skip

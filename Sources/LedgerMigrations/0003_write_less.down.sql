ALTER TABLE partner_commissions ADD CONSTRAINT partner_commissions_order_id_fkey FOREIGN KEY (order_id) REFERENCES orders;
ALTER TABLE ledger_entries
    ADD CONSTRAINT ledger_entries_order_id_fkey FOREIGN KEY (order_id) REFERENCES orders,
    ADD CONSTRAINT ledger_entries_partner_id_fkey FOREIGN KEY (partner_id) REFERENCES partners;
CREATE INDEX conversion_events_external_order ON conversion_events (external_order_id);
CREATE INDEX partner_commissions_external_order ON partner_commissions (external_order_id);
DROP INDEX orders_owed;
CREATE INDEX orders_owed ON orders (owed_since) WHERE priced_seq < facts_seq;
ALTER TABLE webhook_attempts RESET (fillfactor);
ALTER TABLE webhook_deliveries RESET (fillfactor);
ALTER TABLE partner_commissions RESET (fillfactor);
ALTER TABLE conversion_events RESET (fillfactor);
ALTER TABLE orders RESET (fillfactor);

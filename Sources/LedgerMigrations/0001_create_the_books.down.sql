DROP TABLE batch_runs, schedule_runs, unusable_hooks, hook_sources, api_keys, alert_periods, notifications, webhook_attempts,
    webhook_deliveries, webhook_events, webhook_endpoints, audit_logs, ledger_entries, partner_commissions, conversion_events,
    order_facts, orders, inbound_event_conflicts, inbound_events, policy_uses, policy_counters, commission_policies,
    referral_clicks, products, partners, programmes;
DROP FUNCTION refuse_change();

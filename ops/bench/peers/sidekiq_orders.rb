# The order step for Sidekiq: a transaction of a look-up and two inserts, then one follow-up job; counted as sidekiq_jobs.rb does.
#
#   ruby sidekiq_orders.rb ORDERS            enqueues so many by push_bulk
#   sidekiq -c 10 -r ./sidekiq_orders.rb     works them until TERM; BENCH_JOBS, BENCH_RESULT and PG* in the environment
#
# Sidekiq hands over one job at a time, so a transaction is of one order. Follow-ups stay in their queue.
require_relative "sidekiq_jobs"
require "pg"

NOTE = "x" * 120

class AcceptedJob
  include Sidekiq::Worker
  sidekiq_options queue: "accepted"
  def perform(event) = nil
end

class OrderJob
  include Sidekiq::Worker

  def perform(order)
    connection = postgres
    connection.transaction do
      account = connection.exec_prepared("look_up", [order["account"]]).getvalue(0, 0)
      fresh = connection.exec_prepared("insert_key", [order["key"]]).cmd_tuples == 1
      connection.exec_prepared("insert_order", [account, order["key"], order["amount"], order["note"]]) if fresh
    end
    AcceptedJob.perform_async({"key" => order["key"], "type" => "order.accepted", "note" => NOTE})
    Counts.add(order)
  end

  private

  # One connection a thread.
  def postgres
    Thread.current[:postgres] ||= PG.connect.tap do |connection|
      connection.prepare("look_up", "SELECT id FROM bench_accounts WHERE name = $1")
      connection.prepare("insert_key", "INSERT INTO bench_keys (key) VALUES ($1) ON CONFLICT DO NOTHING")
      connection.prepare("insert_order", "INSERT INTO bench_orders (account_id, key, amount, note) VALUES ($1, $2, $3, $4)")
    end
  end
end

if $PROGRAM_NAME == __FILE__
  (0...ARGV[0].to_i).each_slice(1000) do |numbers|
    Sidekiq::Client.push_bulk("class" => OrderJob, "args" => numbers.map { |number|
      [{"id" => number, "account" => "account-#{1 + number * 7919 % 10_000}", "key" => "order-#{number}",
        "amount" => number % 1000, "note" => NOTE}]
    })
  end
end

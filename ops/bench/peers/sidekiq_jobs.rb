# No-op jobs for Sidekiq, counted as ours are.
#
#   ruby sidekiq_jobs.rb enqueue FIRST JOBS TOGETHER   TOGETHER 1: perform_async; more: push_bulk of so many
#   ruby sidekiq_jobs.rb load RATE SECONDS             open loop: what has come due since the last tick goes out by push_bulk
#   sidekiq -c 10 -r ./sidekiq_jobs.rb                 works them until TERM; BENCH_JOBS, BENCH_RESULT in the environment
#
# The worker writes BENCH_RESULT ("JOBS FIRST LAST CPU_SECONDS", every 50 ms), and at its end BENCH_RESULT.counts (a byte a job)
# and BENCH_RESULT.latencies (microseconds from a job's moment to its run, 32 bits each). A job counts when it is run: Sidekiq
# has taken it off its list before, so there is nothing to acknowledge.
require "sidekiq"
require "json"
Sidekiq.logger.level = Logger::WARN
# redis-rb 4.8 warns at each enqueue otherwise, which would slow Sidekiq down.
Redis.silence_deprecations = true if Redis.respond_to?(:silence_deprecations=)
Sidekiq.configure_server { |config| config.redis = {url: ENV["REDIS_URL"]} }
Sidekiq.configure_client { |config| config.redis = {url: ENV["REDIS_URL"]} }

def now = Process.clock_gettime(Process::CLOCK_MONOTONIC)
def cpu = Process.clock_gettime(Process::CLOCK_PROCESS_CPUTIME_ID)

# 200 bytes as JSON.
def payload(number, stamp = 0)
  data = {"stamp" => format("%019d", stamp), "id" => number, "data" => ""}
  data["data"] = "x" * (200 - data.to_json.bytesize)
  data
end

module Counts
  @lock = Mutex.new
  @file = Mutex.new
  @total = 0
  @latencies = []

  def self.add(job)
    stamp = job["stamp"].to_i
    @lock.synchronize do
      begin_reports if @total == 0
      @counts.setbyte(job["id"], @counts.getbyte(job["id"]) + 1)
      @total += 1
      @last = now
      @latencies << ((@last - stamp / 1e9) * 1e6).round if stamp > 0
    end
  end

  def self.begin_reports
    @counts = "\0".b * ENV["BENCH_JOBS"].to_i
    @first = now
    @cpu = cpu
    Thread.new { loop { sleep 0.05; report } }
  end

  # The thread of the reports and the last one must not take each other's file away.
  def self.report
    @file.synchronize do
      path = ENV["BENCH_RESULT"]
      File.write("#{path}.new", "#{@total} #{@first} #{@last} #{cpu - @cpu}")
      File.rename("#{path}.new", path)
    end
  end

  def self.finish
    return if @total == 0
    report
    File.binwrite("#{ENV["BENCH_RESULT"]}.counts", @counts)
    File.binwrite("#{ENV["BENCH_RESULT"]}.latencies", @latencies.pack("l<*"))
  end
end

class NoopJob
  include Sidekiq::Worker
  def perform(job) = Counts.add(job)
end

Sidekiq.configure_server { |config| config.on(:shutdown) { Counts.finish } }

def push(jobs) = Sidekiq::Client.push_bulk("class" => NoopJob, "args" => jobs.map { |job| [job] })

if $PROGRAM_NAME == __FILE__
  command, *numbers = ARGV
  first, jobs, together = numbers.map(&:to_i)
  begun = now
  if command == "load"
    rate, seconds = first, jobs
    sent, jobs = 0, rate * seconds
    while sent < jobs
      due = [((now - begun) * rate).to_i + 1, jobs].min
      push((sent...due).map { |n| payload(n, ((begun + n.to_f / rate) * 1e9).to_i) }) if due > sent
      sent = due
      sleep 0.001
    end
  elsif together == 1
    jobs.times { |n| NoopJob.perform_async(payload(first + n)) }
  else
    (first...first + jobs).each_slice(together) { |numbers| push(numbers.map { |n| payload(n) }) }
  end
  puts "#{jobs} #{begun} #{now} #{cpu}"
end

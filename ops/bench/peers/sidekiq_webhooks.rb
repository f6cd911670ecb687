# Webhook deliveries by Sidekiq and Net::HTTP, one kept connection a thread.
#
#   ruby sidekiq_webhooks.rb enqueue DELIVERIES BODY_BYTES
#   sidekiq -c 10 -r ./sidekiq_webhooks.rb        BENCH_URL in the environment
#
# Each is signed over its timestamp and body. No rows are written: what was sent is known to the receiver only.
require "json"
require "net/http"
require "openssl"
require "sidekiq"
Sidekiq.logger.level = Logger::WARN
Redis.silence_deprecations = true if Redis.respond_to?(:silence_deprecations=)
Sidekiq.configure_server { |config| config.redis = {url: ENV["REDIS_URL"]} }
Sidekiq.configure_client { |config| config.redis = {url: ENV["REDIS_URL"]} }

class DeliveryJob
  include Sidekiq::Worker
  KEY = "0123456789abcdef01234567"

  def perform(event)
    body = JSON.generate(event)
    stamp = Time.now.to_i.to_s
    answer = connection.post(URI(ENV["BENCH_URL"]).path, body, {
      "Content-Type" => "application/json", "webhook-timestamp" => stamp,
      "X-Webhook-Signature" => "sha256=#{OpenSSL::HMAC.hexdigest("SHA256", KEY, "#{stamp}.#{body}")}"
    })
    raise "status #{answer.code}" unless answer.code.start_with?("2")
  end

  def connection
    Thread.current[:connection] ||= begin
      url = URI(ENV["BENCH_URL"])
      http = Net::HTTP.new(url.host, url.port)
      http.keep_alive_timeout = 30
      http.start
    end
  end
end

if $PROGRAM_NAME == __FILE__
  _, deliveries, body_bytes = ARGV
  (0...deliveries.to_i).each_slice(1000) do |numbers|
    args = numbers.map do |number|
      event = {"id" => format("msg_%016d", number), "type" => "commission.created", "data" => ""}
      event["data"] = "x" * (body_bytes.to_i - event.to_json.bytesize)
      [event]
    end
    Sidekiq::Client.push_bulk("class" => DeliveryJob, "args" => args)
  end
end

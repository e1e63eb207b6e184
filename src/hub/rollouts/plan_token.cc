#include "hub/rollouts/plan_token.h"

#include "base/bytes.h"
#include "base/encoding.h"
#include "base/hmac.h"
#include "base/json_members.h"

#include <algorithm>
#include <cmath>

namespace twinhub::hub {
namespace {

constexpr std::uint64_t sample_max = 16 * 1024;  // devices that are told apart well
constexpr std::string_view purpose = "twinhub rollout plan 1\n";

std::string mac_of(std::string_view payload, std::string_view key) {
    std::string text(purpose);
    text += payload;
    return hmac_sha256(key, text);
}

std::unexpected<Error> no_plan() {
    return failure(Code::argument_invalid,
                   "This is no plan of this hub: POST /rollouts/plan gives one", "plan");
}

}  // namespace

void FleetPrint::fill(const std::vector<TwinId>& devices) {
    for (const TwinId& id : devices) {
        const std::uint64_t hash = stable_hash(id.text());
        if ((hash & ((std::uint64_t{1} << sampled_shift_) - 1)) != 0) continue;
        std::uint16_t& bucket = buckets_[(hash >> 48U) % bucket_count];
        bucket = static_cast<std::uint16_t>(bucket ^ (hash >> 32U & 0xffffU));
    }
}

FleetPrint FleetPrint::of(const std::vector<TwinId>& devices) {
    FleetPrint print;
    print.devices_ = devices.size();
    while ((print.devices_ >> print.sampled_shift_) > sample_max) ++print.sampled_shift_;
    print.fill(devices);
    return print;
}

double FleetPrint::moved(const std::vector<TwinId>& now) const {
    FleetPrint other;
    other.sampled_shift_ = sampled_shift_;
    other.fill(now);
    std::size_t different = 0;
    for (std::size_t i = 0; i < bucket_count; ++i)
        if (buckets_[i] != other.buckets_[i]) ++different;
    const double total = static_cast<double>(std::max<std::uint64_t>(devices_, 1));
    // The numbers themselves are the least that must have moved.
    const double least =
        std::abs(static_cast<double>(now.size()) - static_cast<double>(devices_)) / total;
    if (different == bucket_count) return std::max(1.0, least);
    // Several may fall into one bucket: so many balls hit so many of the buckets.
    const double buckets = bucket_count;
    const double hits = -buckets * std::log1p(-static_cast<double>(different) / buckets);
    const double each = static_cast<double>(std::uint64_t{1} << sampled_shift_);
    return std::max(least, std::round(hits) * each / total);
}

std::string FleetPrint::bytes() const {
    std::string out;
    append_varint(out, devices_);
    append_varint(out, sampled_shift_);
    for (const std::uint16_t bucket : buckets_) append_varint(out, bucket);
    return out;
}

Result<FleetPrint> FleetPrint::parse(std::string_view bytes) {
    ByteReader reader(bytes);
    FleetPrint print;
    print.devices_ = reader.varint();
    print.sampled_shift_ = static_cast<std::uint32_t>(reader.varint());
    for (std::uint16_t& bucket : print.buckets_)
        bucket = static_cast<std::uint16_t>(reader.varint());
    if (!reader.finished() || print.sampled_shift_ > 60) return no_plan();
    return print;
}

std::string sign_plan(const PlanFacts& facts, std::string_view key) {
    json::object body;
    body["document"] = to_json(facts.document);
    body["fleet"] = base64_encode(facts.fleet.bytes());
    body["at"] = format_instant(facts.at);
    body["everything"] = facts.is_everything;
    const std::string payload = to_text(body);
    return base64_encode(payload) + "." + base64_encode(mac_of(payload, key));
}

Result<PlanFacts> read_plan(std::string_view text, std::string_view key) {
    const std::size_t dot = text.find('.');
    if (dot == std::string_view::npos) return no_plan();
    const auto payload = base64_decode(text.substr(0, dot));
    const auto mac = base64_decode(text.substr(dot + 1));
    if (!payload || !mac || !equals_constant_time(*mac, mac_of(*payload, key))) return no_plan();
    const auto parsed = parse_json(*payload);
    if (!parsed || !parsed->is_object()) return no_plan();
    const json::object& body = parsed->get_object();
    PlanFacts facts;
    TRY(const json::object* document, object_member(body, "document"));
    if (document == nullptr) return no_plan();
    TRY(facts.document, parse_rollout(*document));
    const auto fleet = base64_decode(text_in(body, "fleet"));
    if (!fleet) return no_plan();
    TRY(facts.fleet, FleetPrint::parse(*fleet));
    TRY(facts.at, parse_instant(text_in(body, "at")));
    TRY(const auto everything, flag_member(body, "everything"));
    facts.is_everything = everything.value_or(false);
    return facts;
}

}  // namespace twinhub::hub

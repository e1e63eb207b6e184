// Who set a property and when it took effect, as a file that can be proved (docs/evidence.md).
#include "apps/cli/entity.h"
#include "apps/keys/secret_file.h"
#include "base/json_members.h"
#include "x509/seal.h"

#include <fmt/format.h>

#include <algorithm>

namespace twinhub::apps::cli {
namespace {

std::string export_path(const Arguments& arguments) {
    return with_parameters("/twinhub/ledger", {{"path", arguments.text("path")},
                                               {"where", arguments.text("where")},
                                               {"since", arguments.text("since")}});
}

Outcome export_ledger(Context& context) {
    const auto hub = context.hub();
    if (!hub) return outcome_of(hub.error());
    auto answer = (*hub)->send({.path = export_path(context.arguments()), .body = {}});
    if (!answer) return outcome_of(answer.error());
    if (answer->status != 200) return outcome_of(error_of(*answer));
    const std::string file = context.arguments().text("file");
    if (file.empty()) return Outcome::print(std::move(answer->body));
    if (const Result<> written = write_file(file, answer->body, Access::owner); !written)
        return Outcome::refused(written.error());
    const auto lines = static_cast<std::size_t>(std::ranges::count(answer->body, '\n'));
    return Outcome::print(fmt::format("{} entries in {}\n", lines < 2 ? 0 : lines - 2, file));
}

// From a file that the auditor keeps, or else from the hub.
Result<x509::VerifyingKey> key_of(Context& context) {
    const std::string file = context.arguments().text("key-file");
    if (!file.empty()) {
        TRY(const std::string pem, read_file(file));
        return x509::VerifyingKey::parse(pem);
    }
    TRY(ServiceClient* const hub, context.hub());
    TRY(const json::value answer, hub->call({.path = "/twinhub/ledger/key", .body = {}}));
    return x509::VerifyingKey::parse(text_in(answer, "pem"));
}

Outcome verify(Context& context) {
    const std::string file = context.arguments().text("file");
    const auto key = key_of(context);
    if (!key) return outcome_of(key.error());
    const auto text = read_file(file);
    if (!text) return outcome_of(text.error());
    const auto seal = x509::check_seal(*text, *key);
    if (!seal)
        return Outcome::refused({Code::unauthorized, file + ": " + seal.error().message, {}});
    return Outcome::print(fmt::format("{} is as the hub made it: {} lines, kind {}, key {}\n", file,
                                      std::ranges::count(seal->sealed, '\n'), seal->kind,
                                      seal->key_id));
}

Outcome show_key(Context& context) {
    const auto hub = context.hub();
    if (!hub) return outcome_of(hub.error());
    auto answer = (*hub)->call({.path = "/twinhub/ledger/key", .body = {}});
    if (!answer) return outcome_of(answer.error());
    return Outcome::print(text_in(*answer, "pem"));
}

}  // namespace

std::vector<Command> ledger_commands() {
    return {
        {.words = "ledger export",
         .about = "Who set a desired property, and when it took effect on which devices, sealed",
         .options = {{.name = "path",
                      .about = "Below desired: thresholds.pressure; without it everything"},
                     where_option(),
                     {.name = "since", .about = "A time, or how long ago: -P30D"},
                     {.name = "file",
                      .other_names = "-f",
                      .about = "Where to write it; without it to the terminal"}},
         .run = export_ledger},
        {.words = "ledger verify",
         .about = "Whether an export is as the hub made it",
         .options = {{.name = "file", .other_names = "-f", .about = "The export", .required = true},
                     {.name = "key-file",
                      .about = "The hub's public key, kept from before; without it the hub is "
                               "asked"}},
         .run = verify},
        {.words = "ledger key",
         .about = "The public key that proves exports of this hub",
         .options = {},
         .run = show_key},
    };
}

}  // namespace twinhub::apps::cli

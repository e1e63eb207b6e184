#include "protocol/sas/token.h"

#include "base/encoding.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <limits>

namespace twinhub::protocol::sas {
namespace {

// The keys and tokens of device-protocols 10.1.
const std::string k1 = base64_decode("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=").value();
const std::string k2 = base64_decode("ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8=").value();
const std::string gk =
    base64_decode(
        "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKissLS4vMDEyMzQ1Njc4OTo7PD0+Pw==")
        .value();
constexpr std::string_view token_a =
    "SharedAccessSignature "
    "sr=twin.example.com%2Fdevices%2Fdev-01&sig=Fgh6pKmipYNzv67Y0tHyM3uP17Uk4TcPP5ado82BoEk%3D&se="
    "1893456000";
constexpr std::string_view token_a_java =
    "SharedAccessSignature "
    "sig=Fgh6pKmipYNzv67Y0tHyM3uP17Uk4TcPP5ado82BoEk%3d&se=1893456000&sr=twin.example.com%"
    "2Fdevices%2Fdev-01";
constexpr std::string_view token_c =
    "SharedAccessSignature "
    "sr=twin.example.com/devices/"
    "dev-01&sig=vygkbblhAHcE4pYFtGgZHkNNu8N1bIHwJ%2FJCY0lCtic%3D&se=1893456000";
constexpr std::string_view token_f =
    "SharedAccessSignature "
    "sr=twin.example.com&sig=N%2FNB2jtPCeNAi60ecc%2BNY53ZeXdbbValDCYMwvZ8UKI%3D&se=1893456000&skn="
    "device";
constexpr std::string_view token_i =
    "SharedAccessSignature "
    "sr=0ne00000001%2Fregistrations%2Freg-01&sig=9O%2F%2B17v1bycUx88PV5PgcBNXM2JWIV8WuIb2zSfkqKE%"
    "3D&se=1893456000&skn="
    "registration";

Instant at(std::int64_t seconds) { return Instant(std::chrono::seconds(seconds)); }
const Instant before_expiry = at(1893456000);

const std::vector<std::string> hosts = {"twin.example.com", "alias.local"};

TwinId identity(std::string_view device, std::string_view module = {}) {
    TwinId id{DeviceId::parse(device).value(), {}};
    if (!module.empty()) id.module = ModuleId::parse(module).value();
    return id;
}

// What a door does with a token: all checks of 6.2.
bool passes(std::string_view text, const TwinId& id, Instant now = before_expiry) {
    const auto token = parse_token(text);
    if (!token || is_expired(*token, now)) return false;
    const auto owner = token->policy.empty() ? KeyOwner::identity : KeyOwner::policy;
    return covers_identity(token->resource, hosts, id, owner) &&
           (signed_by(*token, k1) || signed_by(*token, k2));
}

TEST(Token, SignaturesAreTheVectors) {
    struct Row {
        const char* name;
        const std::string& key;
        const char* resource;
        const char* signature;
    };
    const std::string derived =
        base64_decode("fIlMhJyLZwPbmhVjvjkCV2HY1ySQIO+yiCMhxMzC/yA=").value();
    const Row rows[] = {
        {"A", k1, "twin.example.com%2Fdevices%2Fdev-01",
         "Fgh6pKmipYNzv67Y0tHyM3uP17Uk4TcPP5ado82BoEk="},
        {"B", k1, "twin.example.com%2fdevices%2fdev-01",
         "Ct7ozp+mzKOrts9WVovDcxUuRkUxB61E6nnEqQPMoOk="},
        {"C", k1, "twin.example.com/devices/dev-01",
         "vygkbblhAHcE4pYFtGgZHkNNu8N1bIHwJ/JCY0lCtic="},
        {"D", k2, "twin.example.com%2Fdevices%2Fdev-01",
         "TMB5yWMHXVy1LiKvL+HEdqVj1MF8umQS7aO51nCMrJA="},
        {"E", k1, "twin.example.com%2Fdevices%2Fdev-01%2Fmodules%2Fmod-1",
         "ghO0MPkKLJl1WIjHcOPaZYLxRCxtsoXI8aLVKs/dIj4="},
        {"F", k1, "twin.example.com", "N/NB2jtPCeNAi60ecc+NY53ZeXdbbValDCYMwvZ8UKI="},
        {"G", k1, "twin.example.com%2Fdevices%2Fdev%25401",
         "NZu9VRfWKj95tkGKYuHVV8lD/iSxnWEQV2QORnGdv4g="},
        {"G2", k1, "twin.example.com%2Fdevices%2Fdev%401",
         "qr223XSBz8CW6iqCO6NYSa6cTwbBmbNrxjoEeHAupUA="},
        {"H", k1, "0ne00000001%2Fregistrations%2Freg-01",
         "hXTfavqKyiHTXU/U62n/a59ZetAT0sP8SIxGAYMRmsA="},
        {"H2", k1, "0ne00000001/registrations/reg-01",
         "9oeJwMdnbhhTiIswJtJX5B5aZSIt5T5BA0hxMmNRtoA="},
        {"I", derived, "0ne00000001%2Fregistrations%2Freg-01",
         "9O/+17v1bycUx88PV5PgcBNXM2JWIV8WuIb2zSfkqKE="},
    };
    for (const Row& row : rows) {
        EXPECT_EQ(base64_encode(hmac_sha256(row.key, std::string(row.resource) + "\n1893456000")),
                  row.signature)
            << row.name;
        const auto token = parse_token("SharedAccessSignature sr=" + std::string(row.resource) +
                                       "&se=1893456000&sig=" + percent_encode(row.signature));
        ASSERT_TRUE(token) << row.name;
        EXPECT_TRUE(signed_by(*token, row.key)) << row.name;
        EXPECT_FALSE(signed_by(*token, gk)) << row.name;
    }
}

TEST(Token, MadeByUsIsTheVector) {
    EXPECT_EQ(make_token({.resource = "twin.example.com/devices/dev-01",
                          .key = k1,
                          .expiry = 1893456000,
                          .policy = {}}),
              token_a);
    EXPECT_EQ(
        make_token(
            {.resource = "twin.example.com", .key = k1, .expiry = 1893456000, .policy = "device"}),
        token_f);
    const std::string derived = base64_decode(derive_key(gk, "reg-01")).value();
    EXPECT_EQ(make_token({.resource = "0ne00000001/registrations/reg-01",
                          .key = derived,
                          .expiry = 1893456000,
                          .policy = "registration"}),
              token_i);
}

TEST(Token, GroupKeyIsTheVector) {
    EXPECT_EQ(derive_key(gk, "reg-01"), "fIlMhJyLZwPbmhVjvjkCV2HY1ySQIO+yiCMhxMzC/yA=");
}

TEST(Token, OfTheVectorsPasses) {
    const TwinId dev = identity("dev-01");
    const std::string b = "SharedAccessSignature sr=twin.example.com%2fdevices%2fdev-01&sig=" +
                          percent_encode("Ct7ozp+mzKOrts9WVovDcxUuRkUxB61E6nnEqQPMoOk=") +
                          "&se=1893456000";
    const std::string d = "SharedAccessSignature sr=twin.example.com%2Fdevices%2Fdev-01&sig=" +
                          percent_encode("TMB5yWMHXVy1LiKvL+HEdqVj1MF8umQS7aO51nCMrJA=") +
                          "&se=1893456000";
    for (const std::string_view token :
         {token_a, token_a_java, std::string_view(b), token_c, std::string_view(d), token_f})
        EXPECT_TRUE(passes(token, dev)) << token;
}

TEST(Token, WithARecasedResourceFails) {
    const std::size_t from = token_a.find("sr=") + 3;
    const std::size_t to = token_a.find("&sig");
    int recased = 0;
    for (std::size_t i = from; i < to; ++i) {
        std::string token(token_a);
        if (!std::isalpha(static_cast<unsigned char>(token[i]))) continue;
        token[i] = static_cast<char>(token[i] ^ 0x20);
        EXPECT_FALSE(passes(token, identity("dev-01"))) << token;
        ++recased;
    }
    EXPECT_GT(recased, 20);
}

TEST(Token, OfTheVectorsFailsForAnotherIdentity) {
    EXPECT_FALSE(passes(token_a, identity("dev-010")));
    EXPECT_FALSE(passes(token_a, identity("dev-0")));
    EXPECT_FALSE(passes(token_a, identity("dev-01", "mod-1")));
    const std::string e =
        "SharedAccessSignature sr=twin.example.com%2Fdevices%2Fdev-01%2Fmodules%2Fmod-1&sig=" +
        percent_encode("ghO0MPkKLJl1WIjHcOPaZYLxRCxtsoXI8aLVKs/dIj4=") + "&se=1893456000";
    EXPECT_FALSE(passes(e, identity("dev-01")));
    EXPECT_TRUE(passes(e, identity("dev-01", "mod-1")));
}

TEST(Token, ExpiresWithTheSkew) {
    const TwinId dev = identity("dev-01");
    EXPECT_TRUE(passes(token_a, dev, at(0)));
    EXPECT_TRUE(passes(token_a, dev, at(1893456300)));
    EXPECT_FALSE(passes(token_a, dev, at(1893456301)));
    const Token token = parse_token(token_a).value();
    EXPECT_FALSE(is_expired(token, at(1893456000), std::chrono::seconds(0)));
    EXPECT_TRUE(is_expired(token, at(1893456001), std::chrono::seconds(0)));
    EXPECT_EQ(expires_at(token), at(1893456300));
}

Token with_expiry(std::string_view se) {
    return parse_token("SharedAccessSignature sr=h&sig=" +
                       percent_encode(base64_encode(std::string(32, 'x'))) +
                       "&se=" + std::string(se))
        .value();
}

TEST(Token, MayExpireFarAway) {
    for (const char* se : {"1893456000000", "18446744073709551615", "99999999999999999999999",
                           "9223372036854775807"}) {
        EXPECT_FALSE(is_expired(with_expiry(se), at(1893456000))) << se;
        EXPECT_EQ(expires_at(with_expiry(se)), Instant::max()) << se;
    }
    EXPECT_EQ(with_expiry("99999999999999999999999").expiry,
              std::numeric_limits<std::uint64_t>::max());
    EXPECT_EQ(with_expiry("18446744073709551614").expiry,
              std::numeric_limits<std::uint64_t>::max() - 1);
    EXPECT_EQ(with_expiry("0010").expiry, 10u);
    EXPECT_EQ(with_expiry("0010").expiry_text, "0010");
    EXPECT_TRUE(is_expired(with_expiry("0"), at(1893456000)));
    EXPECT_EQ(expires_at(with_expiry("922337203385")), Instant::max());
}

TEST(Token, IsReadLeniently) {
    const Token token =
        parse_token("sharedaccesssignature se=5&x&y=z&skn=my%20policy&sr=h/a=b&sig=" +
                    base64_encode(std::string(32, '\xff')))
            .value();
    EXPECT_EQ(token.resource, "h/a=b");
    EXPECT_EQ(token.policy, "my policy");
    EXPECT_EQ(token.signature, std::string(32, '\xff'));
    EXPECT_EQ(parse_token("SharedAccessSignature sr=h&skn=&se=5&sig=" +
                          base64_encode(std::string(32, 'x')))
                  ->policy,
              "");
}

TEST(Token, IsRefusedWhenSomethingIsMissingOrOdd) {
    const std::string sig = "sig=" + percent_encode(base64_encode(std::string(32, 'x')));
    const std::string scheme = "SharedAccessSignature ";
    const std::string rows[] = {
        "",
        "SharedAccessSignature",
        scheme,
        "Bearer abc",
        "sr=h&se=5&" + sig,
        scheme + "se=5&" + sig,
        scheme + "sr=&se=5&" + sig,
        scheme + "sr=h&" + sig,
        scheme + "sr=h&se=5",
        scheme + "sr=h&se=&" + sig,
        scheme + "sr=h&se=-1&" + sig,
        scheme + "sr=h&se=5s&" + sig,
        scheme + "sr=h&se=5&sig=",
        scheme + "sr=h&se=5&sig=%4",
        scheme + "sr=h&se=5&sig=!!!!",
        scheme + "sr=h&se=5&sig=eHh4",
        scheme + "sr=h&sr=g&se=5&" + sig,
        scheme + "sr=h&se=5&skn=%&" + sig,
        scheme + "sr=" + std::string(token_bytes_max, 'h') + "&se=5&" + sig,
    };
    for (const std::string& row : rows) {
        const auto token = parse_token(row);
        ASSERT_FALSE(token) << row;
        EXPECT_EQ(token.error().code, Code::unauthorized);
    }
}

TEST(Token, IsNotSignedByAnEmptyKey) {
    Token token = parse_token(token_a).value();
    token.signature = hmac_sha256("", token.resource + "\n" + token.expiry_text);
    EXPECT_FALSE(signed_by(token, ""));
}

RC_GTEST_PROP(Token, MadeIsReadAndSigned, (std::uint64_t expiry)) {
    const auto key = *rc::gen::nonEmpty<std::string>();
    const auto resource = *rc::gen::suchThat<std::string>(
        [](const std::string& s) { return !s.empty() && s.size() < 100; });
    const auto policy =
        *rc::gen::suchThat<std::string>([](const std::string& s) { return s.size() < 50; });
    const auto token = parse_token(
        make_token({.resource = resource, .key = key, .expiry = expiry, .policy = policy}));
    RC_ASSERT(token.has_value());
    RC_ASSERT(percent_decode(token->resource) == resource);
    RC_ASSERT(token->expiry == expiry);
    RC_ASSERT(token->policy == policy);
    RC_ASSERT(signed_by(*token, key));
    RC_ASSERT(!signed_by(*token, key + "x"));
}

struct ScopeRow {
    const char* resource;
    bool with_own_key;
    bool with_policy_key;
};

TEST(Scope, OfADevice) {
    const ScopeRow rows[] = {
        {"twin.example.com/devices/dev-01", true, true},
        {"twin.example.com%2Fdevices%2Fdev-01", true, true},
        {"twin.example.com%2fdevices%2fdev-01", true, true},
        {"twin.example.com%252Fdevices%252Fdev-01", true, true},
        {"TWIN.Example.Com/devices/dev-01", true, true},
        {"alias.local/devices/dev-01", true, true},
        {"twin.example.com:443/devices/dev-01", true, true},
        {"twin.example.com/devices/dev-01/", true, true},
        {"twin.example.com/devices/dev-01/api-version=2016-11-14", true, true},
        {"twin.example.com/devices/DEV-01", true, false},
        {"twin.example.com", false, true},
        {"twin.example.com/", false, true},
        {"twin.example.com/devices", false, true},
        {"twin.example.com/devices/", false, true},
        {"twin.example.com/devices/dev-0", false, false},
        {"twin.example.com/devices/dev-010", false, false},
        {"twin.example.com/devices/dev-01//", false, false},
        {"twin.example.com/devices/dev-01/modules/m", false, false},
        {"twin.example.com/devices/dev-01/messages/events", false, false},
        {"twin.example.com/twins/dev-01", false, false},
        {"other.example.com/devices/dev-01", false, false},
        {"twin.example.com.evil.net/devices/dev-01", false, false},
        {"/devices/dev-01", false, false},
        {"devices/dev-01", false, false},
        {"", false, false},
        {"/", false, false},
        {"%", false, false},
    };
    for (const ScopeRow& row : rows) {
        EXPECT_EQ(covers_identity(row.resource, hosts, identity("dev-01"), KeyOwner::identity),
                  row.with_own_key)
            << row.resource;
        EXPECT_EQ(covers_identity(row.resource, hosts, identity("dev-01"), KeyOwner::policy),
                  row.with_policy_key)
            << row.resource;
    }
}

TEST(Scope, OfAModule) {
    const ScopeRow rows[] = {
        {"twin.example.com%2Fdevices%2Fdev-01%2Fmodules%2Fmod-1", true, true},
        {"twin.example.com/devices/dev-01", false, true},
        {"twin.example.com/devices/dev-01/modules/mod-2", false, false},
        {"twin.example.com/devices/dev-01/modules/mod-10", false, false},
    };
    for (const ScopeRow& row : rows) {
        EXPECT_EQ(
            covers_identity(row.resource, hosts, identity("dev-01", "mod-1"), KeyOwner::identity),
            row.with_own_key);
        EXPECT_EQ(
            covers_identity(row.resource, hosts, identity("dev-01", "mod-1"), KeyOwner::policy),
            row.with_policy_key);
    }
}

TEST(Scope, OfAnIdWithOddCharactersIsFoundInEverySpelling) {
    const std::pair<const char*, const char*> rows[] = {
        {"twin.example.com%2Fdevices%2Fdev%25401", "dev@1"},  // .NET
        {"twin.example.com%2Fdevices%2Fdev%401", "dev@1"},    // Node
        {"twin.example.com/devices/dev@1", "dev@1"},          // C
        {"twin.example.com/devices/a%20b", "a%20b"},          // C, whose id looks escaped
        {"twin.example.com%2Fdevices%2Fa%2520b", "a%20b"},
        {"twin.example.com/devices/50%", "50%"},
        {"twin.example.com%2Fdevices%2Fa%2Bb", "a+b"},
        {"twin.example.com%2Fdevices%2Fa%252bb", "a+b"},
        {"twin.example.com/devices/a+b", "a+b"},
    };
    for (const auto& [resource, device] : rows)
        EXPECT_TRUE(covers_identity(resource, hosts, identity(device), KeyOwner::identity))
            << resource;
    EXPECT_FALSE(
        covers_identity("twin.example.com/devices/a+b", hosts, identity("ab"), KeyOwner::identity));
}

TEST(Scope, OfOneEndpointWillDoThere) {
    const char* narrow = "twin.example.com/devices/dev-01/messages/events";
    for (const KeyOwner owner : {KeyOwner::identity, KeyOwner::policy}) {
        EXPECT_TRUE(covers_identity(narrow, hosts, identity("dev-01"), owner, "/messages/events"));
        EXPECT_FALSE(
            covers_identity(narrow, hosts, identity("dev-01"), owner, "/messages/deviceBound"));
        EXPECT_TRUE(covers_identity("twin.example.com/devices/dev-01", hosts, identity("dev-01"),
                                    owner, "/files"));
    }
    EXPECT_FALSE(covers_identity("twin.example.com/devices", hosts, identity("dev-01"),
                                 KeyOwner::identity, "/files"));
}

TEST(Scope, OfAServiceRequest) {
    const std::pair<const char*, bool> rows[] = {
        {"twin.example.com", true},
        {"TWIN.example.com:443", true},
        {"alias.local/", true},
        {"twin.example.com/twins", true},
        {"twin.example.com%2ftwins", true},
        {"twin.example.com/Twins/Dev-01", true},
        {"twin.example.com/twin", false},
        {"twin.example.com/twins/dev-0", false},
        {"twin.example.com/twins/dev-01/modules", false},
        {"twin.example.com/devices", false},
        {"example.com", false},
        {"", false},
    };
    for (const auto& [resource, covered] : rows)
        EXPECT_EQ(covers_path(resource, hosts, "/twins/dev-01"), covered) << resource;
}

}  // namespace
}  // namespace twinhub::protocol::sas

#include "provisioning/record.h"

#include "base/encoding.h"

#include <gtest/gtest.h>

namespace twinhub::provisioning {
namespace {

Enrollment an_enrollment(Attestation attestation) {
    Enrollment enrollment;
    enrollment.kind = EnrollmentKind::group;
    enrollment.id = ProvisioningId::parse("Group-1").value();
    enrollment.attestation = std::move(attestation);
    enrollment.status = Status::disabled;
    enrollment.reprovision = {true, false};
    enrollment.allocation = Allocation::custom;
    enrollment.hubs = {"a", "b"};
    enrollment.hub = "a";
    enrollment.custom = {"https://h/", "2019-03-31"};
    enrollment.initial_twin = {R"({"t":1})", R"({"d":2})"};
    enrollment.iot_edge = true;
    enrollment.device_id = "dev";
    enrollment.information = "{}";
    enrollment.etag = "e";
    enrollment.created = Instant{Ticks{1}};
    enrollment.updated = Instant{Ticks{2}};
    return enrollment;
}

Registration a_registration() {
    Registration registration;
    registration.id = ProvisioningId::parse("Reg-1").value();
    registration.kind = EnrollmentKind::group;
    registration.enrollment = "group-1";
    registration.attestation = 1;
    registration.progress = Progress::failed;
    registration.substatus = Substatus::device_data_reset;
    registration.hub = "hub";
    registration.device_id = "Reg-1";
    registration.error_number = 400207;
    registration.error_message = "no";
    registration.payload = "{}";
    registration.created = Instant{Ticks{3}};
    registration.updated = Instant{Ticks{4}};
    registration.etag = "x";
    registration.operations = {{"5.1", Instant{Ticks{5}}}, {"5.2", Instant{Ticks{6}}}};
    registration.tpm_key = "wrapped";
    return registration;
}

constexpr std::size_t before_tpms = 52;  // bytes of a_registration() without the member for them

TEST(Record, ReadsBackWhatWasWritten) {
    for (const Attestation& attestation :
         {Attestation(SymmetricKeys{"p", "s"}), Attestation(TpmKeys{"e", "r"}),
          Attestation(X509Proof{X509Proof::Role::references, "one", "two"})}) {
        const Enrollment enrollment = an_enrollment(attestation);
        std::string bytes;
        append_encoded(bytes, enrollment);
        EXPECT_EQ(decode_enrollment(bytes).value(), enrollment);
        EXPECT_EQ(decode_enrollment(bytes + "what a later release adds").value(), enrollment);
    }
    std::string bytes;
    append_encoded(bytes, a_registration());
    EXPECT_EQ(decode_registration(bytes).value(), a_registration());
    EXPECT_EQ(decode_registration(bytes + "more").value(), a_registration());
}

// The stored form: it may grow, never change.
TEST(Record, IsWrittenAsEver) {
    std::string bytes;
    append_encoded(bytes, an_enrollment(SymmetricKeys{"p", "s"}));
    EXPECT_EQ(hex_encode(bytes),
              "010747726f75702d31000170017301010003020161016201610a68747470733a2f2f682f0a323031392d"
              "30332d33"
              "31077b2274223a317d077b2264223a327d0103646576027b7d01650204");
    bytes.clear();
    append_encoded(bytes, a_registration());
    EXPECT_EQ(hex_encode(bytes),
              "055265672d31010767726f75702d3101030303687562055265672d31cfb618026e6f027b7d0608017802"
              "03352e31"
              "0a03352e320c0777726170706564");
}

TEST(Record, ATornOneIsToldAsDamaged) {
    std::string enrollment, registration;
    append_encoded(enrollment, an_enrollment(X509Proof{}));
    append_encoded(registration, a_registration());
    for (std::size_t i = 0; i < enrollment.size(); ++i)
        EXPECT_FALSE(decode_enrollment(std::string_view(enrollment).substr(0, i))) << i;
    for (std::size_t i = 0; i < registration.size(); ++i)
        EXPECT_EQ(decode_registration(std::string_view(registration).substr(0, i)).has_value(),
                  i == before_tpms)
            << i;
}

TEST(Record, RegistrationsOfBeforeThereWereTpmsAreRead) {
    std::string bytes;
    append_encoded(bytes, a_registration());
    Registration old = a_registration();
    old.tpm_key.clear();
    EXPECT_EQ(decode_registration(std::string_view(bytes).substr(0, before_tpms)).value(), old);
}

TEST(Record, KeysAreApart) {
    EXPECT_EQ(enrollment_key(EnrollmentKind::individual, "a"), "ea");
    EXPECT_EQ(enrollment_key(EnrollmentKind::group, "a"), "ga");
    EXPECT_EQ(registration_key("a"), "ra");
    EXPECT_EQ(member_key("g", "a"), std::string("mg\0a", 4));
    EXPECT_EQ(open_registration("ra", sealed(a_registration(), "ra")).value(), a_registration());
    EXPECT_FALSE(open_registration("rb", sealed(a_registration(), "ra")));
    EXPECT_FALSE(open_enrollment("ra", sealed(a_registration(), "ra")));
}

}  // namespace
}  // namespace twinhub::provisioning

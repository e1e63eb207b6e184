#include "provisioning/enrollment_query.h"

#include <gtest/gtest.h>

namespace twinhub::provisioning {
namespace {

Enrollment press() {
    Enrollment enrollment;
    enrollment.id = ProvisioningId::parse("Press-1").value();
    enrollment.attestation = SymmetricKeys{"cA==", "cw=="};
    enrollment.initial_twin = {R"({"site":"Lyon","floor":2})", ""};
    enrollment.hubs = {"hub.a"};
    return enrollment;
}

TEST(EnrollmentQuery, FindsWhatAllConditionsName) {
    struct Row {
        const char* text;
        bool wants;
    };
    for (const Row& row : {
             Row{"SELECT *", true},
             Row{"select * from Enrollments", true},
             Row{" SELECT  *  FROM enrollments ;", true},
             Row{"SELECT * FROM enrollments WHERE registrationId = 'press-1'", true},
             Row{"SELECT * WHERE registrationId = \"PRESS-1\"", true},
             Row{"SELECT * WHERE registrationId = 'press-2'", false},
             Row{"SELECT * WHERE provisioningStatus = 'Enabled' AND allocationPolicy='hashed'",
                 true},
             Row{"SELECT * WHERE capabilities.iotEdge = false", true},
             Row{"SELECT * WHERE capabilities.iotEdge = true", false},
             Row{"SELECT * WHERE attestation.type = 'symmetricKey'", true},
             Row{"SELECT * WHERE initialTwin.tags.site = 'Lyon'", true},
             Row{"SELECT * WHERE initialTwin.tags.site = 'lyon'", false},
             Row{"SELECT * WHERE initialTwin.tags.floor = 2", true},
             Row{"SELECT * WHERE initialTwin.tags.floor = '2'", false},
             Row{"SELECT * WHERE missing = 'x'", false},
         }) {
        const auto query = EnrollmentQuery::parse(row.text, EnrollmentKind::individual);
        ASSERT_TRUE(query) << row.text;
        EXPECT_EQ(query->wants(press()), row.wants) << row.text;
    }
}

TEST(EnrollmentQuery, RefusesWhatItDoesNotUnderstandAndSaysWhatItDoes) {
    for (const char* text :
         {"", "SELECT", "SELECT a", "SELECT * FROM devices", "SELECT * FROM enrollmentGroups",
          "SELECT * WHERE", "SELECT * WHERE a", "SELECT * WHERE a = ", "SELECT * WHERE a > 1",
          "SELECT * WHERE a = 'x", "SELECT * WHERE a = 1 OR b = 2", "SELECT * ORDER BY a",
          "DELETE *", "SELECT * WHERE = 1"}) {
        const auto query = EnrollmentQuery::parse(text, EnrollmentKind::individual);
        ASSERT_FALSE(query) << text;
        EXPECT_NE(query.error().message.find("SELECT * [FROM enrollments]"), std::string::npos);
    }
    EXPECT_TRUE(EnrollmentQuery::parse("SELECT * FROM enrollmentGroups", EnrollmentKind::group));
}

TEST(EnrollmentQuery, TakesTheObjectThatTheAzureCommandLineWritesInstead) {
    EXPECT_TRUE(EnrollmentQuery::parse("{'additional_properties': {}, 'query': 'SELECT *'}",
                                       EnrollmentKind::individual));
    for (const char* text : {"{'additional_properties': {}, 'query': 'DELETE *'}",
                             "{'additional_properties': {}, 'query': '}",
                             "{'additional_properties': {}, 'query': 'SELECT *"})
        EXPECT_FALSE(EnrollmentQuery::parse(text, EnrollmentKind::individual)) << text;
}

TEST(EnrollmentQuery, CannotAskForKeys) {
    const auto query = EnrollmentQuery::parse(
        "SELECT * WHERE attestation.symmetricKey.primaryKey = 'cA=='", EnrollmentKind::individual);
    EXPECT_FALSE(query->wants(press()));
}

}  // namespace
}  // namespace twinhub::provisioning

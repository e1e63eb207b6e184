#pragma once

#include "base/result.h"
#include "provisioning/enrollment.h"

#include <string>
#include <string_view>
#include <vector>

namespace twinhub::provisioning {

// What a query asks of an enrollment: that members have values, all of them (spec
// service-api 11.4).
class EnrollmentQuery {
public:
    // SELECT * [FROM enrollments | enrollmentGroups] [WHERE path = literal [AND ...]]; a path is
    // members joined by dots, a literal a text in single or double quotes, true, false or a number.
    // Errors: argument_invalid, saying what is taken; for another kind than `kind` too.
    static Result<EnrollmentQuery> parse(std::string_view text, EnrollmentKind kind);

    // Whether the enrollment, as JSON of views.h, is wanted. Texts are compared as they are, those
    // of ids and enumerations without case.
    bool wants(const Enrollment& enrollment) const;
    bool is_all() const { return conditions_.empty(); }

private:
    struct Condition {
        std::vector<std::string> path;
        std::string literal;  // JSON
    };
    std::vector<Condition> conditions_;
};

}  // namespace twinhub::provisioning

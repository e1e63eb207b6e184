#include "query/testing/generators.h"

#include "base/time.h"

#include <span>

namespace twinhub::query::testing {
namespace {

int below(int bound) { return *rc::gen::inRange(0, bound); }
bool one_in(int count) { return below(count) == 0; }

template <std::size_t n>
std::string one_of(const char* const (&texts)[n]) {
    return texts[static_cast<std::size_t>(below(static_cast<int>(n)))];
}

std::string any_time() {
    return one_of({"2026-03-01T11:30:00Z", "2026-03-01T11:30:00.5Z", "2026-03-01",
                   "2026-03-01T12:30:00+01:00", "0001-01-01T00:00:00Z",
                   "2026-02-28T23:59:59.999Z"});
}

json::value any_leaf() {
    switch (below(8)) {
        case 0: return below(4) - 1;
        case 1: return below(40) / 8.0 - 1;
        case 2: return one_in(2);
        case 3: return json::string(one_of({"a", "A", "ab", "", "1", "true", "ü", "2.1.0"}));
        case 4: return json::string(any_time());
        case 5: return json::array{1, "a", nullptr};
        case 6: return json::array{};
        default: return below(3);
    }
}

// Tags and properties look alike, so that their paths compare.
json::object any_section() {
    json::object section;
    for (const char* key : {"a", "b", "type", "odd-key"})
        if (!one_in(3)) section[key] = any_leaf();
    if (!one_in(3)) {
        json::object site;
        for (const char* key : {"region", "floor", "a"})
            if (!one_in(3)) site[key] = any_leaf();
        section["site"] = one_in(8) ? any_leaf() : json::value(site);
    }
    if (one_in(2))
        section["at"] =
            json::object{{"lat", below(20) * 9.0 - 90}, {"lon", below(20) * 18.0 - 180}};
    if (one_in(4)) section["labels"] = json::array{"a", "ab", 1};
    return section;
}

json::object with_metadata(json::object section) {
    json::object metadata{{"$lastUpdated", any_time()}};
    if (section.contains("a")) metadata["a"] = json::object{{"$lastUpdated", any_time()}};
    section["$metadata"] = std::move(metadata);
    section["$version"] = below(4);
    return section;
}

class Writer {
public:
    explicit Writer(Dialect dialect) : extended_(dialect == Dialect::extended) {}

    std::string path() const {
        static constexpr const char* sections[] = {"tags", "properties.desired",
                                                   "properties.reported"};
        switch (below(14)) {
            case 0: return "deviceId";
            case 1: return one_of({"lastActivityTime", "statusUpdateTime"});
            case 2: return one_of({"status", "connectionState", "version", "moduleId"});
            case 3: return one_of({"x509Thumbprint.primaryThumbprint", "capabilities.iotEdge"});
            case 4:
                return one_of({"properties.desired.$version", "properties.reported.$version",
                               "properties.desired.$metadata.$lastUpdated",
                               "properties.reported.$metadata.a.$lastUpdated"});
            case 5: return one_of({"nosuch", "tags", "properties.desired", "tags.nosuch.x"});
            default:
                return one_of(sections) +
                       one_of({".a", ".b", ".type", ".[[odd-key]]", ".site", ".site.region",
                               ".site.floor", "['site'].a", ".at", ".at.lat", ".labels",
                               ".labels[0]", ".a[1]", ".labels[7]"});
        }
    }

    static std::string constant() {
        switch (below(9)) {
            case 0: return "null";
            case 1: return one_of({"true", "false"});
            case 2: return "'" + any_time() + "'";
            case 3: return one_of({"0.5", "-1", "0x2", "1e0", "2.125"});
            case 4:
            case 5: return one_of({"0", "1", "2"});
            case 6: return one_of({"'enabled'", "'Connected'", "'d1'", "undefined"});
            default:
                return one_of({"'a'", "'A'", "'ab'", "''", "'1'", "\"true\"", "'ü'", "'2.1.0'"});
        }
    }

    std::string list() const {
        std::string text = "[";
        for (int i = below(4); i > 0; --i) text += (text.size() > 1 ? ", " : "") + constant();
        return text + "]";
    }

    std::string number(int depth) const {
        if (depth <= 0 || one_in(2))
            return one_in(2) ? path() : one_of({"1", "2", "0.5", "-1", "0"});
        if (one_in(5)) return "-" + number(depth - 1);
        if (extended_ && one_in(4))
            return one_of({"ABS", "FLOOR", "CEILING", "SQUARE", "SIGN", "SQRT", "AS_NUMBER"}) +
                   "(" + path() + ")";
        return "(" + number(depth - 1) + one_of({" + ", " - ", " * ", " / ", " % "}) +
               number(depth - 1) + ")";
    }

    std::string text(int depth) const {
        if (!extended_ || depth <= 0 || one_in(2))
            return one_in(2) ? path() : one_of({"'a'", "'A'", "'ab'", "'ü'", "''"});
        switch (below(4)) {
            case 0: return "LOWER(" + text(depth - 1) + ")";
            case 1: return "UPPER(" + text(depth - 1) + ")";
            case 2: return "CONCAT(" + text(depth - 1) + ", " + text(depth - 1) + ")";
            default:
                return "SUBSTRING(" + text(depth - 1) + ", " + one_of({"0", "1", "1, 1"}) + ")";
        }
    }

    std::string call(int depth) const {
        if (!extended_ || one_in(2)) {
            switch (below(4)) {
                case 0: return "IS_DEFINED(" + path() + ")";
                case 1:
                    return one_of({"IS_NULL", "IS_BOOL", "IS_NUMBER", "IS_STRING", "IS_OBJECT",
                                   "IS_ARRAY", "IS_PRIMITIVE"}) +
                           "(" + path() + ")";
                case 2:
                    return one_of({"STARTSWITH", "ENDSWITH"}) + "(" + text(depth) + ", " +
                           text(depth) + ")";
                default: return "ARRAY_CONTAINS(" + path() + ", " + constant() + ")";
            }
        }
        switch (below(6)) {
            case 0: return "CONTAINS(" + text(depth) + ", " + text(depth) + ")";
            case 1: return "LENGTH(" + path() + ")" + comparison() + one_of({"0", "1", "3"});
            case 2:
                return "REGEX_MATCH(" + text(depth) + ", " + one_of({"'a'", "'^a?$'", "'[0-9]'"}) +
                       ")";
            case 3: return "AGE_SECONDS(" + path() + ")" + comparison() + "3600";
            case 4: return "GEO_DISTANCE(" + path() + ", 0, 0) < 5000000";
            default:
                return "GEO_WITHIN(" + path() +
                       ", [ [-40, -90], [50, -90], [50, 120], [-40, 120] ])";
        }
    }

    static std::string comparison() {
        return one_of({" = ", " != ", " <> ", " < ", " <= ", " > ", " >= "});
    }

    std::string predicate(int depth) const {
        switch (below(10)) {
            case 0: return path();
            case 1: return constant();
            case 2: return path() + comparison() + path();
            case 3: return constant() + comparison() + path();
            case 4:
            case 5: return path() + one_of({" IN ", " NIN "}) + list();
            case 6: return number(depth) + comparison() + number(depth);
            case 7: return call(depth);
            default: return path() + comparison() + constant();
        }
    }

    std::string condition(int depth) const {
        if (depth <= 0 || one_in(4)) return predicate(2);
        switch (below(6)) {
            case 0: return "NOT (" + condition(depth - 1) + ")";
            case 1: return "NOT " + predicate(2);
            case 2: return "(" + condition(depth - 1) + ") = " + one_of({"true", "false"});
            case 3: return condition(depth - 1) + " OR " + condition(depth - 1);
            default: return "(" + condition(depth - 1) + ") AND " + condition(depth - 1);
        }
    }

    std::string grouped() const {
        std::string keys, items;
        for (int i = below(3); i > 0; --i) keys += (keys.empty() ? "" : ", ") + path();
        // A key may come back as a column, aggregates under their own names.
        if (!keys.empty() && one_in(2)) items = keys.substr(0, keys.find(", ")) + " AS k";
        for (int i = below(3) + 1; i > 0; --i) {
            const std::string name = " AS n" + std::to_string(i);
            items += (items.empty() ? "" : ", ") +
                     (one_in(3) ? "COUNT()" + name
                                : one_of({"AVG", "SUM", "MIN", "MAX"}) + "(" + path() + ")" + name);
        }
        return items + "\n" + (keys.empty() ? "" : " GROUP BY " + keys) +
               (extended_ && one_in(2) ? one_of({" ORDER BY n1", " ORDER BY n1 DESC"}) : "");
    }

    std::string query() const {
        std::string tail, list = "*";
        if (one_in(3)) {
            list = grouped();
            tail = list.substr(list.find('\n') + 1);
            list.resize(list.find('\n'));
        } else {
            if (one_in(2)) {
                list.clear();
                for (int i = below(3) + 1; i > 0; --i)
                    list += (list.empty() ? "" : ", ") + path() + " AS c" + std::to_string(i);
            }
            if (extended_ && one_in(2))
                for (int i = below(2) + 1; i > 0; --i)
                    tail += (tail.empty() ? " ORDER BY " : ", ") + path() +
                            one_of({"", " DESC", " ASC"});
        }
        if (extended_ && one_in(4)) tail += " LIMIT " + std::to_string(below(5));
        if (extended_ && one_in(6)) tail += " OFFSET " + std::to_string(below(3));
        return "SELECT " +
               (one_in(6) ? "TOP " + std::to_string(below(5) + 1) + " " : std::string()) + list +
               " FROM " + one_of({"devices", "devices", "devices", "devices.modules"}) +
               (one_in(5) ? "" : " WHERE " + condition(3)) + tail;
    }

private:
    bool extended_;
};

}  // namespace

rc::Gen<json::object> any_twin(std::string id, std::string module) {
    return rc::gen::exec([id = std::move(id), module = std::move(module)] {
        json::object twin{{"deviceId", id}};
        if (!module.empty()) twin["moduleId"] = module;
        twin["status"] = one_of({"enabled", "disabled"});
        twin["connectionState"] = one_of({"Connected", "Disconnected"});
        twin["lastActivityTime"] = any_time();
        twin["statusUpdateTime"] = any_time();
        twin["version"] = below(5);
        twin["capabilities"] = json::object{{"iotEdge", one_in(2)}};
        twin["x509Thumbprint"] = json::object{
            {"primaryThumbprint", one_in(2) ? json::value(nullptr) : json::value("AB")}};
        twin["tags"] = any_section();
        twin["properties"] = json::object{{"desired", with_metadata(any_section())},
                                          {"reported", with_metadata(any_section())}};
        return twin;
    });
}

rc::Gen<std::string> any_condition() {
    return rc::gen::exec([] { return Writer(Dialect::extended).condition(3); });
}

rc::Gen<std::string> any_azure_condition() {
    return rc::gen::exec([] { return Writer(Dialect::azure).condition(3); });
}

rc::Gen<std::string> any_query(Dialect dialect) {
    return rc::gen::exec([dialect] { return Writer(dialect).query(); });
}

}  // namespace twinhub::query::testing

#include "apps/cli/dps/enrollment_body.h"

#include "apps/cli/generic_update.h"
#include "apps/keys/secret_file.h"
#include "base/encoding.h"

#include <fmt/format.h>

namespace twinhub::apps::cli {
namespace {

std::unexpected<Error> refuse(std::string text) {
    return failure(Code::argument_invalid, std::move(text));
}

json::object& object_at(json::object& parent, std::string_view name) {
    json::value& value = parent[name];
    if (!value.is_object()) value.emplace_object();
    return value.get_object();
}

Result<json::value> certificate_in(const std::string& path) {
    TRY(const std::string text, read_file(path));
    return json::object{{"certificate", text}};
}

Result<> fill_certificates(json::object& attestation, const Arguments& arguments, Enrolled kind) {
    json::object& x509 = object_at(attestation, "x509");
    json::object& certificates =
        object_at(x509, kind == Enrolled::group ? "signingCertificates" : "clientCertificates");
    x509.erase("caReferences");
    for (const auto& [option, removal, member] :
         {std::tuple{"certificate-path", "remove-certificate", "primary"},
          std::tuple{"secondary-certificate-path", "remove-secondary-certificate", "secondary"}}) {
        if (arguments.has(option)) {
            TRY(certificates[member], certificate_in(arguments.text(option)));
        } else if (arguments.flag(removal)) {
            certificates[member] = nullptr;
        }
    }
    return {};
}

void fill_references(json::object& attestation, const Arguments& arguments) {
    json::object& references = object_at(object_at(attestation, "x509"), "caReferences");
    object_at(attestation, "x509").erase("signingCertificates");
    if (arguments.has("ca-name")) references["primary"] = arguments.text("ca-name");
    if (arguments.has("secondary-ca-name"))
        references["secondary"] = arguments.text("secondary-ca-name");
}

bool names_certificates(const Arguments& arguments) {
    return arguments.has("certificate-path") || arguments.has("secondary-certificate-path") ||
           arguments.flag("remove-certificate") || arguments.flag("remove-secondary-certificate");
}

Result<> fill_attestation(json::object& enrollment, const Arguments& arguments, Enrolled kind) {
    json::object& attestation = object_at(enrollment, "attestation");
    std::string type = arguments.text("attestation-type");
    const bool by_name = arguments.has("ca-name") || arguments.has("secondary-ca-name");
    if (by_name && names_certificates(arguments))
        return refuse("certificates and names of authorities do not go together");
    const json::value* known = attestation.if_contains("type");
    if (type.empty())
        type = by_name || names_certificates(arguments) ? "x509"
               : known && known->is_string()            ? std::string(known->get_string())
                                                        : "symmetricKey";
    attestation["type"] = type;
    if (equals_ignoring_case(type, "tpm")) {
        if (arguments.has("endorsement-key"))
            object_at(attestation, "tpm")["endorsementKey"] = arguments.text("endorsement-key");
        return {};
    }
    if (equals_ignoring_case(type, "x509")) {
        if (by_name) fill_references(attestation, arguments);
        if (names_certificates(arguments))
            TRY_VOID(fill_certificates(attestation, arguments, kind));
        return {};
    }
    if (arguments.has("primary-key") || arguments.has("secondary-key")) {
        json::object& keys = object_at(attestation, "symmetricKey");
        if (arguments.has("primary-key")) keys["primaryKey"] = arguments.text("primary-key");
        if (arguments.has("secondary-key")) keys["secondaryKey"] = arguments.text("secondary-key");
    }
    return {};
}

Result<> fill_twin(json::object& enrollment, const Arguments& arguments) {
    if (arguments.has("initial-twin-tags")) {
        TRY(json::object tags,
            read_object_argument("initial-twin-tags", arguments.text("initial-twin-tags")));
        object_at(enrollment, "initialTwin")["tags"] = std::move(tags);
    }
    if (arguments.has("initial-twin-properties")) {
        TRY(json::object desired, read_object_argument("initial-twin-properties",
                                                       arguments.text("initial-twin-properties")));
        object_at(object_at(enrollment, "initialTwin"), "properties")["desired"] =
            std::move(desired);
    }
    return {};
}

Result<> fill_allocation(json::object& enrollment, const Arguments& arguments) {
    if (arguments.has("iot-hub-host-name")) {
        enrollment["allocationPolicy"] = "static";
        enrollment["iotHubs"] = json::array{json::value(arguments.text("iot-hub-host-name"))};
    }
    if (arguments.has("allocation-policy"))
        enrollment["allocationPolicy"] = arguments.text("allocation-policy");
    if (arguments.has("iot-hubs")) {
        json::array hubs;
        for (const std::string& hub : arguments.list("iot-hubs")) hubs.emplace_back(hub);
        enrollment["iotHubs"] = std::move(hubs);
    }
    if (arguments.has("webhook-url") != arguments.has("api-version"))
        return refuse("--webhook-url and --api-version go together");
    if (arguments.has("webhook-url"))
        enrollment["customAllocationDefinition"] =
            json::object{{"webhookUrl", arguments.text("webhook-url")},
                         {"apiVersion", arguments.text("api-version")}};
    return {};
}

void fill_policies(json::object& enrollment, const Arguments& arguments) {
    if (arguments.has("provisioning-status"))
        enrollment["provisioningStatus"] = arguments.text("provisioning-status");
    if (arguments.has("edge-enabled"))
        enrollment["capabilities"] = json::object{{"iotEdge", arguments.flag("edge-enabled")}};
    if (arguments.has("reprovision-policy")) {
        const std::string policy = ascii_lower(arguments.text("reprovision-policy"));
        enrollment["reprovisionPolicy"] =
            json::object{{"updateHubAssignment", policy != "never"},
                         {"migrateDeviceData", policy == "reprovisionandmigratedata"}};
    }
}

}  // namespace

std::vector<Option> enrollment_options(Enrolled kind, bool creates) {
    const bool group = kind == Enrolled::group;
    std::vector<Option> options{
        {.name = "primary-key",
         .other_names = "--pk",
         .about = "Base64 of 16 to 64 bytes; else the server makes one"},
        {.name = "secondary-key", .other_names = "--sk", .about = "The same"},
        {.name = "certificate-path",
         .other_names = "--cp",
         .about = group ? "Certificate that signs the devices': PEM" : "Its certificate: PEM"},
        {.name = "secondary-certificate-path", .other_names = "--scp", .about = "A second one"},
        {.name = "provisioning-status",
         .other_names = "--ps",
         .about = "May it register",
         .choices = "enabled|disabled"},
        {.name = "reprovision-policy",
         .other_names = "--rp",
         .about = "What becomes of a device that registers again",
         .choices = "reprovisionandmigratedata|reprovisionandresetdata|never"},
        {.name = "allocation-policy",
         .other_names = "--ap",
         .about = "How a hub is chosen",
         .choices = "hashed|geoLatency|static|custom"},
        {.name = "iot-hubs",
         .other_names = "--ih",
         .about = "Names of hubs to choose among",
         .takes = Takes::many},
        {.name = "iot-hub-host-name", .other_names = "--hn", .about = "The one hub"},
        {.name = "webhook-url",
         .other_names = "--wh",
         .about = "Who chooses, with --allocation-policy custom"},
        {.name = "api-version", .other_names = "--av", .about = "What the webhook expects"},
        {.name = "initial-twin-tags",
         .other_names = "--tags",
         .about = "What a twin begins with: JSON, or a file of it"},
        {.name = "initial-twin-properties",
         .other_names = "--props",
         .about = "Its desired properties, the same"},
        {.name = "edge-enabled",
         .other_names = "--ee",
         .about = "Makes edge devices",
         .takes = Takes::flag},
    };
    if (group) {
        options.push_back({.name = "ca-name",
                           .other_names = "--cn",
                           .about = "Name of a certificate authority of the hub"});
        options.push_back(
            {.name = "secondary-ca-name", .other_names = "--scn", .about = "A second one"});
    } else {
        options.push_back({.name = "attestation-type",
                           .other_names = "--at",
                           .about = "How the device proves itself",
                           .required = creates,
                           .choices = "symmetricKey|x509|tpm"});
        options.push_back({.name = "endorsement-key",
                           .other_names = "--ek",
                           .about = "Public endorsement key of its TPM, base64"});
        options.push_back({.name = "device-id",
                           .other_names = "-d",
                           .about = "What the device is to be called; else as it registers"});
        options.push_back({.name = "device-information",
                           .other_names = "--info",
                           .about = "Anything to keep with it: JSON, or a file of it"});
    }
    if (!creates) {
        options.push_back({.name = "remove-certificate",
                           .other_names = "--rc",
                           .about = "Takes the certificate away",
                           .takes = Takes::flag});
        options.push_back({.name = "remove-secondary-certificate",
                           .other_names = "--rsc",
                           .about = "Takes the second one away",
                           .takes = Takes::flag});
    }
    return options;
}

Result<> fill_enrollment(json::object& enrollment, const Arguments& arguments, Enrolled kind) {
    TRY_VOID(fill_attestation(enrollment, arguments, kind));
    TRY_VOID(fill_twin(enrollment, arguments));
    TRY_VOID(fill_allocation(enrollment, arguments));
    fill_policies(enrollment, arguments);
    if (arguments.has("device-id")) enrollment["deviceId"] = arguments.text("device-id");
    if (arguments.has("device-information")) {
        TRY(json::object information,
            read_object_argument("device-information", arguments.text("device-information")));
        enrollment["optionalDeviceInformation"] = std::move(information);
    }
    return {};
}

}  // namespace twinhub::apps::cli

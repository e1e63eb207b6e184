"""A device that speaks MQTT as Microsoft's Python SDK does (specification: device-protocols 8).

Commands come as lines of JSON on standard input, {"id", "do", ...}; answers {"id", "result"} or
{"id", "error"} and events {"event", ...} go to standard output. Only what the SDK does on the wire
is here: its names, topics and QoS, what it does once and what it never does again.
"""
import base64
import hashlib
import hmac
import json
import ssl
import sys
import threading
import time
import urllib.parse
import uuid

import paho.mqtt.client as mqtt

AGENT = "azure-iot-device-iothub-py/2.14.0(python3.11.2;Linux;x86_64)"
PATIENCE_SECONDS = 20

output_lock = threading.Lock()


def say(message):
    with output_lock:
        sys.stdout.write(json.dumps(message) + "\n")
        sys.stdout.flush()


def quote(text):
    return urllib.parse.quote(text, safe="")


def sas_token(resource, key, seconds=3600, policy=None):
    """sr, sig, se, then perhaps skn; the resource is escaped and signed as escaped."""
    escaped = quote(resource)
    expiry = str(int(time.time()) + seconds)
    signed = hmac.new(base64.b64decode(key), f"{escaped}\n{expiry}".encode(), hashlib.sha256)
    signature = quote(base64.b64encode(signed.digest()).decode())
    token = f"SharedAccessSignature sr={escaped}&sig={signature}&se={expiry}"
    return token if policy is None else f"{token}&skn={policy}"


class Pending:
    """Waits for something that comes on the network thread."""

    def __init__(self):
        self.done = threading.Event()
        self.value = None

    def give(self, value):
        self.value = value
        self.done.set()

    def take(self, what):
        if not self.done.wait(PATIENCE_SECONDS):
            raise TimeoutError(f"waited for {what}")
        return self.value


class Device:
    def __init__(self, command):
        self.host = command["host"]
        self.address = command.get("address", self.host)
        self.device = command["deviceId"]
        self.module = command.get("moduleId")
        self.key = command.get("key")
        self.client_id = self.device if not self.module else f"{self.device}/{self.module}"
        if command.get("modelId"):
            query = (f"api-version=2020-09-30&DeviceClientType={quote(AGENT)}"
                     f"&model-id={quote(command['modelId'])}")
        else:
            query = f"api-version=2019-10-01&DeviceClientType={quote(AGENT)}"
        self.user = f"{self.host}/{self.client_id}/?{query}"
        websockets = command.get("websockets", False)
        self.port = command["port"]
        self.client = mqtt.Client(client_id=self.client_id, clean_session=False,
                                  protocol=mqtt.MQTTv311,
                                  transport="websockets" if websockets else "tcp")
        if websockets:
            self.client.ws_set_options(path="/$iothub/websocket")
        context = ssl.SSLContext(protocol=ssl.PROTOCOL_TLSv1_2)
        context.load_verify_locations(cafile=command["ca"])
        context.verify_mode = ssl.CERT_REQUIRED
        context.check_hostname = True
        if command.get("certificate"):
            context.load_cert_chain(command["certificate"], command["certificateKey"])
        self.client.tls_set_context(context)
        self.client.on_connect = self.on_connect
        self.client.on_disconnect = self.on_disconnect
        self.client.on_message = self.on_message
        self.client.on_publish = lambda _client, _data, mid: self.acknowledged(mid)
        self.client.on_subscribe = lambda _client, _data, mid, _qos: self.acknowledged(mid)
        self.client.on_unsubscribe = lambda _client, _data, mid: self.acknowledged(mid)
        self.lock = threading.Lock()
        self.acks = {}
        self.responses = {}
        self.connecting = None
        self.disconnecting = None
        self.enabled = set()  # features: only an explicit disable takes one out

    # --- what the network thread tells ---------------------------------------------------------

    def on_connect(self, _client, _data, flags, code):
        if self.connecting:
            self.connecting.give({"code": code, "sessionPresent": flags.get("session present")})

    def on_disconnect(self, _client, _data, code):
        if self.disconnecting:
            self.disconnecting.give(code)
        else:
            say({"event": "disconnected", "code": code})

    def acknowledged(self, mid):
        with self.lock:
            self.acks.setdefault(mid, Pending()).give(True)

    def on_message(self, _client, _data, message):
        topic, payload = message.topic, message.payload.decode()
        if topic.startswith("$iothub/twin/res/"):
            status = int(topic.split("/")[3])
            items = dict(item.split("=", 1) for item in topic.split("?")[1].split("&"))
            properties = {name.lstrip("$"): value for name, value in items.items()}
            with self.lock:
                waiting = self.responses.pop(properties["rid"], None)
            if waiting:
                waiting.give({"status": status, "version": properties.get("version"),
                              "body": json.loads(payload) if payload else None})
        elif topic.startswith("$iothub/twin/PATCH/properties/desired"):
            say({"event": "desired", "patch": json.loads(payload)})
        elif topic.startswith("$iothub/methods/POST/"):
            name = urllib.parse.unquote(topic.split("/")[3])
            rid = topic.split("?$rid=")[1]
            say({"event": "method", "name": name, "rid": rid,
                 "payload": json.loads(payload) if payload else None})
        else:
            bag = topic.rsplit("/", 1)[1]
            properties = dict(urllib.parse.parse_qsl(bag, keep_blank_values=True))
            say({"event": "message", "topic": topic, "properties": properties,
                 "payload": payload, "qos": message.qos})

    # --- what the application asks for ---------------------------------------------------------

    def connect(self, command):
        """Signs a new token, connects with clean session 0, and subscribes to nothing."""
        path = f"{self.host}/devices/{self.device}"
        if self.module:
            path += f"/modules/{self.module}"
        password = sas_token(path, command.get("key", self.key)) if self.key else None
        self.client.username_pw_set(username=self.user, password=password)
        self.connecting = Pending()
        self.client.connect(self.address, self.port, keepalive=60)
        self.client.loop_start()
        answer = self.connecting.take("CONNACK")
        if answer["code"] != 0:
            self.client.loop_stop()
        elif "twin_patches" in self.enabled:
            # What changed while it was away shows in the twin.
            answer["twin"] = self.get_twin({})
        return answer

    def disconnect(self, _command):
        self.disconnecting = Pending()
        self.client.disconnect()
        code = self.disconnecting.take("the end of the connection")
        self.client.loop_stop()
        self.disconnecting = None
        return code

    def renew(self, command):
        """A new token is a new connection."""
        self.disconnect(command)
        return self.connect(command)

    def cut(self, _command):
        """The network goes away under the client."""
        self.disconnecting = Pending()
        self.client.loop_stop()
        self.client._sock_close()
        self.disconnecting = None
        return True

    def wait(self, result_and_mid, what):
        _, mid = result_and_mid
        with self.lock:
            pending = self.acks.setdefault(mid, Pending())
        pending.take(what)
        with self.lock:
            self.acks.pop(mid, None)

    def publish(self, topic, payload):
        info = self.client.publish(topic, payload, qos=1)
        self.wait((None, info.mid), f"PUBACK of {topic}")

    def subscribe(self, topic):
        self.wait(self.client.subscribe(topic, qos=1), f"SUBACK of {topic}")

    def enable(self, command):
        feature = command["feature"]
        if feature not in self.enabled:
            self.subscribe(self.topic_of(feature))
            self.enabled.add(feature)
        return True

    def disable(self, command):
        self.wait(self.client.unsubscribe(self.topic_of(command["feature"])), "UNSUBACK")
        self.enabled.discard(command["feature"])
        return True

    def topic_of(self, feature):
        return {
            "twin": "$iothub/twin/res/#",
            "twin_patches": "$iothub/twin/PATCH/properties/desired/#",
            "methods": "$iothub/methods/POST/#",
            "c2d": f"devices/{self.device}/messages/devicebound/#",
            "input": f"devices/{self.device}/modules/{self.module}/inputs/#",
        }[feature]

    def request(self, topic, payload):
        """Done when both the PUBACK and the response are there."""
        self.enable({"feature": "twin"})
        rid = str(uuid.uuid4())
        pending = Pending()
        with self.lock:
            self.responses[rid] = pending
        self.publish(f"{topic}?$rid={rid}", payload)
        return pending.take(f"the response to {topic}")

    def get_twin(self, _command):
        return self.request("$iothub/twin/GET/", " ")

    def report(self, command):
        return self.request("$iothub/twin/PATCH/properties/reported/",
                            json.dumps(command["patch"]))

    def send(self, command):
        """System properties as the SDK orders them, then the application's, sorted."""
        system = [(f"$.{name}", value) for name, value in command.get("system", {}).items()]
        custom = sorted(command.get("properties", {}).items())
        bag = urllib.parse.urlencode(system + custom, quote_via=urllib.parse.quote)
        if self.module:
            topic = f"devices/{self.device}/modules/{self.module}/messages/events/{bag}"
        else:
            topic = f"devices/{self.device}/messages/events/{bag}"
        self.publish(topic, command["payload"])
        return True

    def answer_method(self, command):
        payload = json.dumps(command["payload"]) if "payload" in command else ""
        self.publish(f"$iothub/methods/res/{command['status']}/?$rid={command['rid']}", payload)
        return True


PROVISIONING_AGENT = "azure-iot-device-provisioning-py/2.14.0(python3.11.2;Linux;x86_64)"


def provision(command):
    """Registers and polls as the SDK's provisioning client does; gives the last answer."""
    scope, registration = command["idScope"], command["registrationId"]
    websockets = command.get("websockets", False)
    client = mqtt.Client(client_id=registration, clean_session=False, protocol=mqtt.MQTTv311,
                         transport="websockets" if websockets else "tcp")
    if websockets:
        client.ws_set_options(path="/$iothub/websocket")
    context = ssl.SSLContext(protocol=ssl.PROTOCOL_TLSv1_2)
    context.load_verify_locations(cafile=command["ca"])
    context.verify_mode = ssl.CERT_REQUIRED
    context.check_hostname = True
    client.tls_set_context(context)
    # No skn: the SDK has none to say.
    password = sas_token(f"{scope}/registrations/{registration}", command["key"])
    client.username_pw_set(
        username=f"{scope}/registrations/{registration}/api-version=2019-03-31"
                 f"&ClientVersion={quote(PROVISIONING_AGENT)}", password=password)
    connected, subscribed = Pending(), Pending()
    answers, acks = {}, {}
    lock = threading.Lock()

    def pending(where, name):
        with lock:
            return where.setdefault(name, Pending())

    def on_message(_client, _data, message):
        # The third part between dollars, as the SDK cuts it.
        items = dict(item.split("=", 1) for item in message.topic.split("$")[2].split("&"))
        status = int(message.topic.split("/")[3])
        answer = {"status": status, "qos": message.qos, "retryAfter": items.get("retry-after"),
                  "body": json.loads(message.payload.decode())}
        pending(answers, items["rid"]).give(answer)

    client.on_connect = lambda _c, _d, flags, code: connected.give(
        {"code": code, "sessionPresent": flags.get("session present")})
    client.on_subscribe = lambda _c, _d, _mid, qos: subscribed.give(qos)
    client.on_publish = lambda _c, _d, mid: pending(acks, mid).give(True)
    client.on_message = on_message
    client.connect(command["address"], command["port"], keepalive=60)
    client.loop_start()
    try:
        answer = connected.take("CONNACK")
        if answer["code"] != 0 or answer["sessionPresent"]:
            return answer
        client.subscribe("$dps/registrations/res/#", qos=1)
        subscribed.take("SUBACK")

        def request(topic, payload):
            rid = str(uuid.uuid4())
            info = client.publish(f"{topic}?$rid={rid}{payload[0]}", payload[1], qos=1)
            pending(acks, info.mid).take("PUBACK")
            return pending(answers, rid).take("the answer of the provisioning service")

        body = json.dumps({"payload": command.get("payload"), "registrationId": registration})
        answer = request("$dps/registrations/PUT/iotdps-register/", ("", body))
        while answer["status"] < 300 and answer["body"].get("status") == "assigning":
            time.sleep(min(int(answer["retryAfter"] or 2), 5))
            operation = f"&operationId={answer['body']['operationId']}"
            answer = request("$dps/registrations/GET/iotdps-get-operationstatus/",
                             (operation, " "))
        return answer
    finally:
        client.disconnect()
        client.loop_stop()


def main():
    device = None
    for line in sys.stdin:
        command = json.loads(line)
        try:
            if command["do"] == "create":
                device = Device(command)
                result = True
            elif command["do"] == "provision":
                result = provision(command)
            else:
                result = getattr(device, command["do"])(command)
            say({"id": command["id"], "result": result})
        except Exception as error:  # told to the test, which knows what it expected
            say({"id": command["id"], "error": f"{type(error).__name__}: {error}"})


main()

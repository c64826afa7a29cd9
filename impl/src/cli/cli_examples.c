/* SPDX-License-Identifier: MIT */
/* What vx6 COMMAND --help shows at its end: how the command is typed, and for what. */
#include <string.h>

#include "cli.h"

#define EXAMPLES(lines) "Examples:\n" lines

static const struct {
    const char *command, *text;
} examples[] = {
    {"init", EXAMPLES("  vx6 init --name alice")},
    {"identity", EXAMPLES("  vx6 identity\n"
                          "  vx6 identity --json | jq -r .key")},
    {"identity rename", EXAMPLES("  vx6 identity rename alicia")},
    {"identity export", EXAMPLES("  vx6 identity export /media/usb/alice.vx6")},
    {"identity rotate", EXAMPLES("  vx6 identity rotate\n"
                                 "  vx6 identity rotate --revocation /media/usb/alice.revocation")},
    {"identity revocation", EXAMPLES("  vx6 identity revocation /media/usb/alice.revocation")},
    {"identity import", EXAMPLES("  vx6 identity import /media/usb/alice.vx6")},
    {"status", EXAMPLES("  vx6 status\n"
                        "  vx6 status --wait --timeout 60 && vx6 connect alice.web\n"
                        "  vx6 status --json | jq .forwards")},
    {"peers", EXAMPLES("  vx6 peers")},
    {"peer add", EXAMPLES("  vx6 peer add '[2001:db8::7]:4242'\n"
                          "  vx6 peer add 192.0.2.7:4242")},
    {"service add",
        EXAMPLES("  vx6 service add web 127.0.0.1:8080 --public\n"
                 "  vx6 service add db 127.0.0.1:5432 --private --allow bob\n"
                 "  vx6 service add wiki 127.0.0.1:8090 --public --allow bob --allow carol\n"
                 "  vx6 service add db --at bob")},
    {"service allow", EXAMPLES("  vx6 service allow db bob")},
    {"service deny", EXAMPLES("  vx6 service deny db bob")},
    {"service list", EXAMPLES("  vx6 service list\n"
                              "  vx6 service list alice")},
    {"service remove", EXAMPLES("  vx6 service remove web")},
    {"connect", EXAMPLES("  vx6 connect alice.web --listen 127.0.0.1:9000\n"
                         "  vx6 connect alice.db --listen 127.0.0.1:5432 --background\n"
                         "  vx6 connect alice.web -- curl -s http://{}/\n"
                         "  vx6 connect alice.ssh -- ssh -p {port} 127.0.0.1\n"
                         "  vx6 connect --addr '[2001:db8::7]:4242' web")},
    {"disconnect", EXAMPLES("  vx6 disconnect alice.web\n"
                            "  vx6 disconnect 3")},
    {"resolve", EXAMPLES("  vx6 resolve alice.web\n"
                         "  vx6 resolve alice~x4k2")},
    {"names", EXAMPLES("  vx6 names")},
    {"pin", EXAMPLES("  vx6 pin alice \"$(cat key-that-alice-sent)\"")},
    {"forget", EXAMPLES("  vx6 forget alice\n"
                        "  vx6 forget '[2001:db8::7]:4242'")},
    {"rename", EXAMPLES("  vx6 rename alice alice-at-work")},
    {"revoke", EXAMPLES("  vx6 revoke /media/usb/alice.revocation")},
    {"watch", EXAMPLES("  vx6 watch\n"
                       "  vx6 watch --level debug --addresses\n"
                       "  vx6 watch --json forward_up forward_failed")},
};

const char *cli_examples(const char *command)
{
    for (size_t i = 0; i < sizeof examples / sizeof examples[0]; i++) {
        if (strcmp(examples[i].command, command) == 0)
            return examples[i].text;
    }
    return NULL;
}

/* A viewer made with LibVNCClient: VeNCrypt X509Plain. It types, clicks and pastes, and writes the picture that it
   then has as PPM.  eye PORT CA USER TICKET OUT ENCODINGS */
#include <rfb/rfbclient.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static char *ca, *user, *ticket;

static rfbCredential *credential(rfbClient *client, int kind) {
    (void)client;
    rfbCredential *c = calloc(1, sizeof *c);
    if (kind == rfbCredentialTypeUser) {
        c->userCredential.username = strdup(user);
        c->userCredential.password = strdup(ticket);
    } else {
        c->x509Credential.x509CACertFile = strdup(ca);
        c->x509Credential.x509CrlVerifyMode = rfbX509CrlVerifyNone;
    }
    return c;
}

static void cut(rfbClient *client, const char *text, int length) { (void)client; (void)text; fprintf(stderr, "CLIPBOARD %d\n", length); }

int main(int argc, char **argv) {
    if (argc < 7) return 2;
    ca = argv[2]; user = argv[3]; ticket = argv[4];
    rfbClient *client = rfbGetClient(8, 3, 4);
    client->GetCredential = credential;
    client->GotXCutText = cut;
    client->canHandleNewFBSize = TRUE;
    client->appData.encodingsString = argv[6];
    client->appData.enableJPEG = FALSE;
    client->serverHost = strdup("localhost");
    client->serverPort = atoi(argv[1]);
    if (!rfbInitClient(client, NULL, NULL)) return 3;
    SendKeyEvent(client, 'x', TRUE); SendKeyEvent(client, 'x', FALSE);
    SendPointerEvent(client, 20, 20, 1); SendPointerEvent(client, 25, 25, 0);
    SendClientCutText(client, "AUDITOR-PASTE", 13);
    time_t end = time(NULL) + 2;
    while (time(NULL) < end) {
        int ready = WaitForMessage(client, 100000);
        if (ready < 0 || (ready > 0 && !HandleRFBServerMessage(client))) return 4;
    }
    FILE *out = fopen(argv[5], "wb");
    fprintf(out, "P6\n%d %d\n255\n", client->width, client->height);
    for (int n = 0; n < client->width * client->height; n++) {
        unsigned char *p = client->frameBuffer + 4 * n;
        fputc(p[client->format.redShift / 8], out); fputc(p[client->format.greenShift / 8], out); fputc(p[client->format.blueShift / 8], out);
    }
    fclose(out);
    return 0;
}

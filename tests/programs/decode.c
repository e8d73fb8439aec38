/* LibVNCClient as a decoder: again and again it enters 127.0.0.1:PORT, takes what comes until the server closes, and
   writes to its output how many updates it finished and the WIDTH×HEIGHT pixels that it then has, 4 bytes each.
   decode PORT WIDTH HEIGHT */
#include <rfb/rfbclient.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint32_t updates;
static void finished(rfbClient *client) { (void)client; updates++; }

int main(int argc, char **argv) {
    if (argc < 4) return 2;
    size_t bytes = (size_t)atoi(argv[2]) * atoi(argv[3]) * 4;
    for (;;) {
        rfbClient *client = rfbGetClient(8, 3, 4);
        client->FinishedFrameBufferUpdate = finished;
        client->format.redShift = 16; client->format.greenShift = 8; client->format.blueShift = 0;
        client->appData.encodingsString = "tight zrle trle zlib hextile corre rre copyrect raw";
        client->appData.enableJPEG = FALSE;
        client->serverHost = strdup("127.0.0.1");
        client->serverPort = atoi(argv[1]);
        updates = 0;
        if (!rfbInitClient(client, NULL, NULL)) return 3;
        while (WaitForMessage(client, 5000000) > 0 && HandleRFBServerMessage(client)) { }
        fwrite(&updates, 4, 1, stdout);
        fwrite(client->frameBuffer, 1, bytes, stdout);
        fflush(stdout);
        free(client->frameBuffer);
        rfbClientCleanup(client);
    }
}

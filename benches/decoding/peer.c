/* LibVNCClient, decoding what a server at 127.0.0.1:PORT sends until it closes, TIMES over. Prints the updates that it finished and the CPU
   seconds.
   peer PORT TIMES */
#include <rfb/rfbclient.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

static long updates;
static void finished(rfbClient *client) { (void)client; updates++; }

int main(int argc, char **argv) {
    if (argc < 3) return 2;
    for (int n = atoi(argv[2]); n > 0; n--) {
        rfbClient *client = rfbGetClient(8, 3, 4);
        client->canHandleNewFBSize = TRUE;
        client->FinishedFrameBufferUpdate = finished;
        client->format.redShift = 16; client->format.greenShift = 8; client->format.blueShift = 0;
        client->appData.encodingsString = "tight zrle hextile zlib raw copyrect";
        client->serverHost = strdup("127.0.0.1");
        client->serverPort = atoi(argv[1]);
        if (!rfbInitClient(client, NULL, NULL)) return 3;
        while (WaitForMessage(client, 5000000) > 0 && HandleRFBServerMessage(client)) { }
        rfbClientCleanup(client);
    }
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    printf("%ld %f\n", updates, used.ru_utime.tv_sec + used.ru_stime.tv_sec + (used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6);
    return 0;
}

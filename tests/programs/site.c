/* A site made with LibVNCServer: a picture that does not change. It writes down any input that reaches it.
   site PORT LOG */
#include <rfb/rfb.h>
#include <stdio.h>
#include <stdlib.h>

static FILE *log_file;

static void key(rfbBool down, rfbKeySym sym, rfbClientPtr client) { (void)client; fprintf(log_file, "key %d %u\n", down, (unsigned)sym); fflush(log_file); }
static void pointer(int mask, int x, int y, rfbClientPtr client) { (void)client; fprintf(log_file, "pointer %d %d %d\n", mask, x, y); fflush(log_file); }
static void cut(char *text, int length, rfbClientPtr client) { (void)client; (void)text; fprintf(log_file, "cut %d\n", length); fflush(log_file); }

int main(int argc, char **argv) {
    int none = 0, width = 320, height = 200;
    if (argc < 3 || !(log_file = fopen(argv[2], "w"))) return 2;
    rfbScreenInfoPtr screen = rfbGetScreen(&none, NULL, width, height, 8, 3, 4);
    screen->frameBuffer = malloc((size_t)width * height * 4);
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++) {
            unsigned char *p = (unsigned char *)screen->frameBuffer + 4 * (y * width + x);
            p[0] = x < 160 ? 255 : x; p[1] = (x / 8 + y / 8) % 2 ? 220 : 40; p[2] = y; p[3] = 0;
        }
    screen->port = atoi(argv[1]);
    screen->ipv6port = 0;
    screen->listenInterface = htonl(INADDR_LOOPBACK);
    screen->desktopName = "SECRET-DESKTOP-NAME";
    screen->cursor = NULL;
    screen->alwaysShared = TRUE;
    screen->kbdAddEvent = key;
    screen->ptrAddEvent = pointer;
    screen->setXCutText = cut;
    rfbInitServer(screen);
    rfbRunEventLoop(screen, 10000, FALSE);
    return 0;
}

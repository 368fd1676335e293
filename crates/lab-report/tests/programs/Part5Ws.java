// A client for part 5: takes messages of both types, until the server closes.
import java.net.URI;
import java.net.http.*;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.*;
import java.io.*;

public class Part5Ws {
  public static void main(String[] a) throws Exception {
    CountDownLatch done = new CountDownLatch(1);
    WebSocket.Listener l = new WebSocket.Listener() {
      ByteArrayOutputStream bytes = new ByteArrayOutputStream(); StringBuilder text = new StringBuilder();
      public CompletionStage<?> onBinary(WebSocket ws, ByteBuffer d, boolean last) {
        byte[] b = new byte[d.remaining()]; d.get(b); bytes.writeBytes(b);
        if (last) { System.out.println(bytes.toString(StandardCharsets.UTF_8)); bytes.reset(); }
        ws.request(1); return null; }
      public CompletionStage<?> onText(WebSocket ws, CharSequence d, boolean last) {
        text.append(d); if (last) { System.out.println(text); text.setLength(0); } ws.request(1); return null; }
      // Its own close frame first: the threads of HttpClient end with main().
      public CompletionStage<?> onClose(WebSocket ws, int c, String r) {
        return ws.sendClose(WebSocket.NORMAL_CLOSURE, "").thenRun(done::countDown); }
      public void onError(WebSocket ws, Throwable e) { System.err.println(e); done.countDown(); }
    };
    WebSocket ws = HttpClient.newHttpClient().newWebSocketBuilder().buildAsync(URI.create("ws://tcpip.epfl.ch:5006/"), l).join();
    ws.sendText(a[0], true).join();
    done.await();
  }
}

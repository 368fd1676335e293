// A PDC for part 2: shows a message as soon as the next one begins, and a large text as it is.
import java.io.*;
import java.net.*;
import java.nio.charset.StandardCharsets;

public class Part2Pdc {
    public static void main(String[] args) throws IOException {
        try (Socket link = new Socket("tcpip.epfl.ch", 5003)) {
            link.getOutputStream().write(args[0].getBytes(StandardCharsets.UTF_8));
            InputStream in = link.getInputStream();
            ByteArrayOutputStream rest = new ByteArrayOutputStream();
            byte[] piece = new byte[4096];
            int n;
            while ((n = in.read(piece)) != -1) {
                rest.write(piece, 0, n);
                if (args[0].startsWith("CMD_short")) {
                    String[] messages = rest.toString(StandardCharsets.UTF_8).split("(?<=\\d)(?=This)");
                    for (int i = 0; i < messages.length - 1; i++) System.out.println(messages[i]);
                    rest.reset();
                    rest.writeBytes(messages[messages.length - 1].getBytes(StandardCharsets.UTF_8));
                }
            }
            PrintStream out = new PrintStream(System.out, true, StandardCharsets.UTF_8);
            out.println(rest.toString(StandardCharsets.UTF_8));
        }
    }
}

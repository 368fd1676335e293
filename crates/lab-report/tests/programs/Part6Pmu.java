// A PMU for part 6: answers CMD_short:d, survives its clients, and serves the next.
import java.io.*;
import java.nio.file.*;
import java.security.*;
import java.security.cert.*;
import java.security.spec.*;
import java.util.*;
import javax.net.ssl.*;

public class Part6Pmu {
  public static void main(String[] a) throws Exception {
    String pem = Files.readString(Path.of(a[2])).replaceAll("-----[^-]+-----", "").replaceAll("\\s", "");
    PrivateKey key = KeyFactory.getInstance("RSA").generatePrivate(new PKCS8EncodedKeySpec(Base64.getDecoder().decode(pem)));
    Collection<? extends java.security.cert.Certificate> chain;
    try (InputStream in = new FileInputStream(a[1])) { chain = CertificateFactory.getInstance("X.509").generateCertificates(in); }
    KeyStore ks = KeyStore.getInstance("PKCS12"); ks.load(null, null);
    ks.setKeyEntry("k", key, new char[0], chain.toArray(new java.security.cert.Certificate[0]));
    KeyManagerFactory kmf = KeyManagerFactory.getInstance("SunX509"); kmf.init(ks, new char[0]);
    SSLContext ctx = SSLContext.getInstance("TLS"); ctx.init(kmf.getKeyManagers(), null, null);
    try (SSLServerSocket door = (SSLServerSocket) ctx.getServerSocketFactory().createServerSocket(Integer.parseInt(a[0]))) {
      while (true) {
        try (SSLSocket s = (SSLSocket) door.accept()) {
          byte[] b = new byte[64]; int n = s.getInputStream().read(b);
          String cmd = new String(b, 0, Math.max(n, 0));
          if (cmd.startsWith("CMD_short:")) {
            int d = Integer.parseInt(cmd.substring(10).trim());
            for (int i = 1; i <= 10; i++) { s.getOutputStream().write(("This is PMU data " + i).getBytes()); Thread.sleep(1000L * d); }
          }
        } catch (IOException e) { System.err.println(e); }
      }
    }
  }
}

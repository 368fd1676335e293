# A client for part 5 with as little of RFC 6455 as it takes: both types of messages, and an answer to the close frame.
use strict;
use warnings;
use IO::Socket::INET;

$| = 1;
my $link = IO::Socket::INET->new(PeerAddr => 'tcpip.epfl.ch', PeerPort => 5006) or die "$!\n";

sub frame {
    my ($opcode, $payload) = @_;
    my $mask = pack('N', int(rand(2**32)));
    my $hidden = $payload ^ substr($mask x (1 + length($payload) / 4), 0, length $payload);
    print $link pack('CC', 0x80 | $opcode, 0x80 | length $payload), $mask, $hidden;
    $link->flush;
}

sub take {
    my ($len) = @_;
    my $bytes = '';
    while (length $bytes < $len) {
        read($link, $bytes, $len - length $bytes, length $bytes) or exit 0;
    }
    return $bytes;
}

print $link join("\r\n", 'GET / HTTP/1.1', 'Host: tcpip.epfl.ch:5006', 'Upgrade: websocket', 'Connection: Upgrade',
    'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==', 'Sec-WebSocket-Version: 13', '', '');
$link->flush;
while (my $line = <$link>) { last if $line eq "\r\n" }
frame(1, $ARGV[0]);
while (1) {
    my ($first, $len) = unpack('CC', take(2));
    $len = unpack('n', take(2)) if $len == 126;
    $len = unpack('Q>', take(8)) if $len == 127;
    my $payload = take($len);
    if (($first & 15) == 8) { frame(8, $payload); last }
    print "$payload\n" if ($first & 15) < 8;
}
